// A message that somebody prepared, in a link: "#/try?m=...". It is shown, never sent by itself,
// and nothing of it is believed: types are checked, sizes bounded.
/** Of a PUBLISH, as MQTT 5 has them. */
export interface Properties {
  contentType?: string;
  responseTopic?: string;
  correlationData?: string;
  messageExpiryInterval?: number;
  payloadFormatIndicator?: boolean;
  userProperties?: [string, string][];
}

export interface Prepared {
  topic?: string;
  channel?: string; // its id, instead of a topic
  values?: Record<string, string>; // of the channel's parameters
  payload?: string;
  qos?: 0 | 1 | 2;
  retain?: boolean;
  properties?: Properties;
}

const LINK_MAX = 2_000_000; // characters
const TEXT_MAX = 4096; // of all but the payload
const ENTRIES_MAX = 100;

export function tryLink(message: Prepared): string {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return `#/try?m=${btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`;
}

export function bytesOfLink(m: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(m.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

class Bad extends Error {}

type Members = Record<string, unknown>;

function members(value: unknown, what: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Bad(what);
  return value as Members;
}

function text(at: Members, name: string, max = TEXT_MAX): string | undefined {
  const value = at[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length > max) throw new Bad(name);
  return value;
}

function properties(value: unknown): Properties {
  const at = members(value, "properties");
  const made: Properties = {};
  for (const name of ["contentType", "responseTopic", "correlationData"] as const) {
    const found = text(at, name);
    if (found !== undefined) made[name] = found;
  }
  const expiry = at.messageExpiryInterval;
  if (expiry !== undefined) {
    if (!Number.isInteger(expiry) || (expiry as number) < 0 || (expiry as number) > 0xffffffff) throw new Bad("messageExpiryInterval");
    made.messageExpiryInterval = expiry as number;
  }
  if (at.payloadFormatIndicator !== undefined) made.payloadFormatIndicator = at.payloadFormatIndicator === true;
  if (at.userProperties !== undefined) {
    const list = at.userProperties;
    const isPair = (it: unknown) => Array.isArray(it) && it.length === 2 && it.every((one) => typeof one === "string" && one.length <= TEXT_MAX);
    if (!Array.isArray(list) || list.length > ENTRIES_MAX || !list.every(isPair)) throw new Bad("userProperties");
    made.userProperties = list as [string, string][];
  }
  return made;
}

export function readTryLink(m: string): { message: Prepared } | { why: string } {
  if (m.length > LINK_MAX) return { why: "The link is too long to be a message." };
  try {
    const bytes = bytesOfLink(m);
    if (!bytes) throw new Bad("its form");
    const at = members(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), "its form");
    const made: Prepared = {};
    for (const name of ["topic", "channel"] as const) {
      const found = text(at, name, 65535);
      if (found !== undefined) made[name] = found;
    }
    if (at.values !== undefined) {
      const entries = Object.entries(members(at.values, "values")).slice(0, ENTRIES_MAX);
      if (entries.some(([, value]) => typeof value !== "string" || value.length > TEXT_MAX)) throw new Bad("values");
      made.values = Object.fromEntries(entries) as Record<string, string>;
    }
    const payload = text(at, "payload", LINK_MAX);
    if (payload !== undefined) made.payload = payload;
    if (at.qos !== undefined) {
      if (at.qos !== 0 && at.qos !== 1 && at.qos !== 2) throw new Bad("qos");
      made.qos = at.qos;
    }
    if (at.retain !== undefined) {
      if (typeof at.retain !== "boolean") throw new Bad("retain");
      made.retain = at.retain;
    }
    if (at.properties !== undefined) made.properties = properties(at.properties);
    return { message: made };
  } catch (error) {
    return { why: `The link holds no message that can be read here${error instanceof Bad ? ` (${error.message})` : ""}.` };
  }
}
