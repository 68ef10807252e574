// Where the reader is: the part of the address behind "#". "#/read/channel/orderStatus" has the
// path ["read", "channel", "orderStatus"]; what is behind "?" there are parameters.
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

export interface Route { path: string[]; params: URLSearchParams }

export const route = computed<Route>(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decode), params: new URLSearchParams(query) };
});

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function href(path: string[], params?: Record<string, string>): string {
  const query = params ? `?${new URLSearchParams(params)}` : "";
  return `#/${path.map(encodeURIComponent).join("/")}${query}`;
}

export function go(path: string[], params?: Record<string, string>): void {
  location.hash = href(path, params);
}
