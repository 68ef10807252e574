// An example of a message, and the topic that goes with it.
import type { Json, JsonObject } from "./document";
import { at } from "./document";
import { stepsOf } from "./jsontext";
import { topicOf, type Channel, type Message } from "./model";
import type { Shape } from "./shape";
import { valueAt } from "./validate";

const DEPTH_MAX = 8;

const BY_TYPE: [RegExp, Json][] = [
  [/^time \(RFC/, "2026-01-15T10:30:00Z"], [/^date/, "2026-01-15"], [/^e-mail/, "someone@example.com"], [/^UUID/, "019b4132-70aa-764f-b315-e2803d882a24"],
  [/^URI/, "https://example.com/"], [/^host/, "example.com"], [/^IPv4/, "192.0.2.1"], [/^IPv6/, "2001:db8::1"], [/^true/, true],
];

/** Is what made() says of it valid? Of a pattern and the like it knows nothing. */
function isSure({ type, limits, ...shape }: Shape): boolean {
  if (shape.rules.length > 0 || shape.choices.length > 0 || shape.members.length > 0 || shape.circle !== null) return false;
  if (shape.examples.length > 0 || shape.fallback !== undefined || shape.values !== null) return true;
  const isNumber = /^(whole number|number)$/.test(type);
  return isNumber ? limits.every((limit) => /^at least -?[\d,]+$/.test(limit))
    : limits.length === 0 && (type === "text" || BY_TYPE.some(([known]) => known.test(type)));
}

/** What the schema says by itself: its own examples, else the members that are required. */
function made(shape: Shape, depth = 0): Json {
  if (shape.examples.length > 0) return shape.examples[0];
  if (shape.fallback !== undefined) return shape.fallback;
  if (shape.values) return shape.values[0] ?? null;
  if (depth > DEPTH_MAX || shape.circle !== null) return null;
  const choice = shape.choices[0]?.shapes[0];
  if (shape.members.length > 0 || shape.isObject) {
    const required = shape.members.filter((it) => it.isRequired);
    // Nothing is required: an empty object says nothing of the message, so what is surely right is in it.
    const shown = required.length > 0 || choice || shape.rules.length > 0 || depth > 0 ? required : shape.members.filter((it) => isSure(it.shape));
    const own = Object.fromEntries(shown.map((it) => [it.name, made(it.shape, depth + 1)]));
    const more = choice ? made(choice, depth + 1) : null;
    return typeof more === "object" && !Array.isArray(more) ? { ...own, ...more } : own;
  }
  if (choice) return made(choice, depth + 1);
  for (const [type, value] of BY_TYPE) if (type.test(shape.type)) return value;
  if (/^(whole number|number)/.test(shape.type)) return Number(/(?:at least |^)([\d,]+)/.exec(shape.limits.join(" "))?.[1]?.replace(/,/g, "") ?? 1);
  if (shape.type.startsWith("list")) return shape.items ? [made(shape.items, depth + 1)] : [];
  return shape.type.startsWith("text") ? "text" : null;
}

/** The contract's first example of @message; else one that its schema makes. */
export const exampleOf = (message: Message, shape: Shape): Json => message.examples[0]?.payload ?? made(shape);

export const isJson = (contentType: string): boolean => /\bjson\b/i.test(contentType);

/** @payload with the channel's time, where that is text, as of @now: an old one would be reported as a wrong clock. */
export function dated({ raw }: Channel, payload: Json, now = new Date()): Json {
  const pointer = raw["x-time"];
  const [, holder, name] = (typeof pointer === "string" && /^(.*)\/([^/]*)$/.exec(pointer)) || [];
  const old = name === undefined ? undefined : valueAt(payload, pointer as string);
  if (typeof old !== "string" || Number.isNaN(Date.parse(old))) return payload;
  const made = structuredClone(payload);
  (valueAt(made, holder) as JsonObject)[stepsOf(`/${name}`)[0]] = `${now.toISOString().slice(0, 19)}Z`;
  return made;
}

/** @payload as it is sent. */
export const payloadText = (payload: Json, contentType: string): string =>
  typeof payload === "string" && !isJson(contentType) ? payload : JSON.stringify(payload);

/** Values of the topic's parameters that go with @payload: ids are the same in both, one's own are the account's. */
export function valuesFor(channel: Channel, payload: Json | undefined, account: { user: string; clientId: string }): Record<string, string> {
  const values: Record<string, string> = {};
  const parameters = (channel.raw.parameters ?? {}) as JsonObject;
  for (const { name, values: allowed, examples, default: preset, own } of channel.parameters) {
    const location = /^\$message\.payload#(\/.*)$/.exec(String((parameters[name] as JsonObject | undefined)?.location ?? ""))?.[1] ?? `/${name}`;
    const said = typeof payload === "object" && payload !== null && !Array.isArray(payload) ? at({ root: payload }, location) : undefined;
    values[name] = own === "principal" && account.user ? encodeURIComponent(account.user)
      : own === "clientId" && account.clientId ? encodeURIComponent(account.clientId)
      : typeof said === "string" || typeof said === "number" ? String(said)
      : preset ?? allowed?.[0] ?? examples[0] ?? "example";
  }
  return values;
}

export const topicFor = (channel: Channel, payload: Json | undefined, account: { user: string; clientId: string }): string =>
  topicOf(channel.address, valuesFor(channel, payload, account));
