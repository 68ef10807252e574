// Addresses of the parts of this view.
import { href, route } from "../app/route";

export const to = (...path: string[]): string => href(["watch", ...path]);

/** The same place with other parameters; "" takes one away. */
export function withParams(path: string[], change: Record<string, string>): string {
  const params = Object.fromEntries(route.value.params);
  for (const [name, value] of Object.entries(change))
    if (value) params[name] = value;
    else delete params[name];
  return href(path, Object.keys(params).length > 0 ? params : undefined);
}

/** Goes there without a step in the browser's history: while somebody types. */
export function replace(address: string): void {
  location.replace(address);
}
