// Everything that can be said of a message before it is sent: topic, parameters, payload, QoS,
// retain. What the broker says counts; this is to help before.
import { valueAt, checkerOf, brief, Unsure, type Checker, type Fault } from "./validate";
import { deref, object, type Json } from "./document";
import { readJson, type Read } from "./jsontext";
import { channelOf, type Channel, type Contract, type Message, type Operation, type Parameter } from "./model";

/** Has the account no right but to its own notices? Rights come by scopes, or by an application. */
export function mayNothing(api: Contract): boolean {
  const rights = api.channels.flatMap(({ may }) => may ?? []);
  return rights.length > 0 && rights.every(({ send, receive }) => send === "no" && receive !== "yes")
    && rights.filter(({ receive }) => receive === "own").length <= 1;
}

export type Kind = "json" | "text" | "binary";

/** How the payload of a content type is read (schemas/README.md, "Several messages"). */
export function kindOf(contentType: string): Kind {
  const type = contentType.split(";")[0].trim().toLowerCase();
  if (type === "" || type === "application/json" || type === "text/json" || type.endsWith("+json")) return "json";
  return type.startsWith("text/") ? "text" : "binary";
}

/** What is wrong with a parameter's value; null: nothing. */
export function parameterFault(parameter: Parameter, value: string): string | null {
  if (value === "") return "is missing";
  if (/[/+#\u0000]/.test(value)) return "may not contain / + or #";
  if (parameter.values && !parameter.values.includes(value)) return `is none of ${parameter.values.join(", ")}`;
  if (parameter.pattern) {
    try {
      if (!new RegExp(parameter.pattern, "u").test(value)) return `does not match ${parameter.pattern}`;
    } catch {
      // A pattern that this browser can't read: the broker will say.
    }
  }
  return null;
}

export function topicFault(topic: string): string | null {
  if (topic === "") return "Which topic?";
  if (/[+#]/.test(topic)) return "A topic to publish on has no + and no #: these are for filters.";
  if (topic.includes("\u0000")) return "A topic has no NUL character.";
  if (new TextEncoder().encode(topic).length > 65535) return "The topic is too long.";
  return null;
}

export interface Checked {
  message: Message | null; // the one it is, or is nearest to
  faults: Fault[];
  read: Read | null; // of JSON
  unsure: string | null; // why it is neither right nor wrong: a sentence
}

/** The operations by which the account could send on the channel. */
export const sendsOf = (channel: Channel): Operation[] => channel.operations.filter(({ action }) => action === "send");

export function messagesOf(channel: Channel, action: "send" | "receive"): Message[] {
  const operations = channel.operations.filter((it) => it.action === action);
  const keys = new Set(operations.flatMap(({ messages }) => messages));
  const some = channel.messages.filter(({ key }) => keys.has(key));
  return some.length > 0 ? some : channel.messages;
}

/** The schema's checker for a message with a payload that is JSON. */
export function checkerFor(contract: Contract, channel: Channel, message: Message): Checker | null {
  return kindOf(message.contentType) === "json" ? checkerOf(contract.documents[channel.document], message) : null;
}

/** @picked: the message it is meant to be; null: the one that fits, or comes nearest. */
export function checkText(contract: Contract, channel: Channel | null, values: Record<string, string>, text: string,
  picked: string | null, action: "send" | "receive" = "send"): Checked {
  const messages = channel ? messagesOf(channel, action) : [];
  const candidates = picked ? messages.filter(({ key }) => key === picked) : messages;
  if (candidates.length > 0 && !candidates.some(({ contentType }) => kindOf(contentType) === "json"))
    return { message: candidates[0], ...textFaults(contract, channel!, candidates[0], text), read: null };
  const read = readJson(text);
  if (!channel || candidates.length === 0) return { message: null, faults: [], read, unsure: null };
  if (read.fault) return { message: candidates[0], faults: [{ field: "", code: "json", message: read.fault.message }], read, unsure: null };
  const tried = candidates.map((message) => ({ message, ...held(checkerFor(contract, channel, message), read.value!) }));
  const best = tried.find(({ faults, unsure }) => faults.length === 0 && !unsure) ?? tried.find(({ unsure }) => unsure)
    ?? tried.reduce((a, b) => (b.faults.length < a.faults.length ? b : a));
  // What the schema has said of the same member is enough.
  const ids = locationFaults(contract, channel, values, read.value!).filter(({ field }) => !best.faults.some((it) => it.field === field && it.code === "required"));
  return { ...best, faults: [...best.faults, ...ids], read };
}

interface Held { faults: Fault[]; unsure: string | null }

function held(checker: Checker | null, value: Json): Held {
  if (!checker) return { faults: [], unsure: null };
  try {
    return { faults: checker.check(value), unsure: checker.unsure };
  } catch (error) {
    if (error instanceof Unsure) return { faults: [], unsure: error.message };
    throw error;
  }
}

function textFaults(contract: Contract, channel: Channel, message: Message, text: string): Held {
  const checker = kindOf(message.contentType) === "text" ? checkerOf(contract.documents[channel.document], message) : null;
  if (!checker) return { faults: [], unsure: null };
  if (text === "") return { faults: [{ field: "", code: "text", message: "is empty" }], unsure: null };
  const asText = held(checker, text);
  if (asText.faults.length === 0 || !/^(-?[\d.]+([eE][+-]?\d+)?|true|false)$/.test(text)) return asText;
  const other = readJson(text);
  const asValue = other.value !== undefined ? held(checker, other.value) : asText;
  return asValue.faults.length === 0 ? asValue : asText;
}

/** Ids in topic and payload must be the same, where a parameter's location ties them. */
function locationFaults(contract: Contract, channel: Channel, values: Record<string, string>, payload: Json): Fault[] {
  const doc = contract.documents[channel.document];
  const faults: Fault[] = [];
  for (const { name } of channel.parameters) {
    const location = object(deref(doc, object(channel.raw.parameters)[name])).location;
    const pointer = typeof location === "string" ? /^\$message\.payload#(\/.*)$/.exec(location)?.[1] : undefined;
    if (!pointer || !values[name]) continue;
    const value = valueAt(payload, pointer);
    if (value === undefined)
      faults.push({ field: pointer, code: "id-mismatch", message: `is missing, and the topic says ${brief(values[name])}` });
    else if (String(value) !== values[name])
      faults.push({ field: pointer, code: "id-mismatch", message: `is ${brief(value)}, but the topic says ${brief(values[name])}` });
  }
  return faults;
}

/** The pointer of the parameter's twin in the payload; null: it has none. */
export function locationOf(contract: Contract, channel: Channel, name: string): string | null {
  const at = object(deref(contract.documents[channel.document], object(channel.raw.parameters)[name])).location;
  return typeof at === "string" ? /^\$message\.payload#(\/.*)$/.exec(at)?.[1] ?? null : null;
}

/** Of the contract's x-limits: the largest payload here, in bytes. */
export function payloadMax(contract: Contract, channel: Channel | null): number {
  const own = Number(object(channel?.raw["x-limits"]).payloadBytes);
  if (own > 0) return own;
  const root = Number(object(contract.documents[channel?.document ?? 0]?.root["x-limits"]).payloadBytes);
  return root > 0 ? root : 65536;
}

const RECEIVED_MAX = 256 * 1024; // larger ones are not held against the contract here
const decoder = new TextDecoder("utf-8", { fatal: true });

export interface Verdict { channel: Channel | null; message: Message | null; faults: Fault[]; isChecked: boolean; unsure: string | null }

/** A message that came, held against the contract. */
export function checkReceived(contract: Contract, topic: string, payload: Uint8Array): Verdict {
  const found = channelOf(contract, topic);
  if (!found) return { channel: null, message: null, faults: [], isChecked: false, unsure: null };
  const { channel, values } = found;
  const messages = messagesOf(channel, "receive");
  if (payload.length > RECEIVED_MAX || payload.length === 0 || messages.every(({ contentType }) => kindOf(contentType) === "binary"))
    return { channel, message: messages[0] ?? null, faults: [], isChecked: false, unsure: null };
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch {
    return { channel, message: messages[0] ?? null, faults: [{ field: "", code: "text", message: "is not UTF-8" }], isChecked: true, unsure: null };
  }
  const { message, faults, unsure } = checkText(contract, channel, values, text, null, "receive");
  return { channel, message, faults, isChecked: message !== null, unsure };
}
