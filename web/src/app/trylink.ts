// A message that somebody prepared, in an address of the page: "#/try?m=...".
export interface Prepared {
  topic?: string;
  channel?: string; // its id, instead of a topic
  values?: Record<string, string>; // of the channel's parameters
  payload?: string;
  qos?: 0 | 1 | 2;
  retain?: boolean;
}

export function tryLink(message: Prepared): string {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `#/try?m=${base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`;
}

/** Null: it is no such thing. */
export function readTryLink(m: string): Prepared | null {
  try {
    const bytes = Uint8Array.from(atob(m.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const message = JSON.parse(new TextDecoder().decode(bytes)) as Prepared;
    return typeof message === "object" && message !== null ? message : null;
  } catch {
    return null;
  }
}
