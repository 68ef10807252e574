// The message that is being written. It outlives a look at another view.
import { batch, computed, effect, signal } from "@preact/signals";
import { contract, whoami } from "../app/session";
import { checkerFor, checkText, kindOf, locationOf, messagesOf, parameterFault, payloadMax, sendsOf, topicFault, type Checked, type Kind } from "../contract/check";
import { readJson } from "../contract/jsontext";
import { channelOf, topicOf, type Channel, type Contract, type Example, type Operation, type Qos } from "../contract/model";
import { valueAt, type Fault } from "../contract/validate";
import { sent } from "./answers";
import { sampleMessage } from "./complete";
import { freshen, setAt } from "./edit";
import type { Mark } from "./editor";
import { marksOf, toldOf, type Told } from "./faults";
import type { Prepared, Properties } from "../app/trylink";
import { bytesOfBase64, bytesOfHex, textOf } from "./payload";

export type Form = "json" | "text" | "hex" | "base64" | "file";

export const channelId = signal<string | null>(null); // null: the topic is typed
export const values = signal<Record<string, string>>({});
export const freeTopic = signal("");
export const text = signal("");
export const form = signal<Form>("json");
export const file = signal<{ name: string; bytes: Uint8Array } | null>(null);
export const picked = signal<string | null>(null); // the message's key, where a channel has several
export const qos = signal<Qos>(0);
export const retain = signal(false);
export const properties = signal<Properties>({});
/** What a link brought, or why it brought nothing. */
export const cameByLink = signal<{ tone: "accent" | "bad"; words: string } | null>(null);

const find = (api: Contract | null, id: string | null): Channel | null => api?.channels.find((it) => it.id === id) ?? null;

export const topic = computed(() => {
  const channel = find(contract.value, channelId.value);
  return channel ? topicOf(channel.address, values.value) : freeTopic.value;
});

/** The channel of the topic, picked or typed. */
export const channel = computed<Channel | null>(() => {
  const api = contract.value;
  return find(api, channelId.value) ?? (api && freeTopic.value ? channelOf(api, freeTopic.value)?.channel ?? null : null);
});
export const channelValues = computed(() => (channelId.value || !contract.value
  ? values.value : channelOf(contract.value, freeTopic.value)?.values ?? {}));

export const operation = computed<Operation | null>(() => {
  const all = channel.value ? sendsOf(channel.value) : [];
  return all.find(({ messages }) => messages.includes(checked.value.message?.key ?? "")) ?? all[0] ?? null;
});

export const payload = computed<Uint8Array | null>(() => {
  switch (form.value) {
    case "hex":
      return bytesOfHex(text.value);
    case "base64":
      return bytesOfBase64(text.value);
    case "file":
      return file.value?.bytes ?? null;
    default:
      return new TextEncoder().encode(text.value);
  }
});

/** The same payload in another form; where it can't be shown so, the text stays as it is. */
export function showAs(next: Form): void {
  const bytes = payload.value;
  const shown = bytes && bytes.length > 0 && next !== form.value ? asText(bytes, next) : null;
  batch(() => {
    if (shown !== null) text.value = shown;
    form.value = next;
  });
}

function asText(bytes: Uint8Array, next: Form): string | null {
  if (next === "file") return null;
  if (next === "hex") return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (next !== "base64") return form.value === "json" || form.value === "text" ? null : textOf(bytes);
  let chars = "";
  for (const byte of bytes) chars += String.fromCharCode(byte);
  return btoa(chars);
}

const NOTHING: Checked = { message: null, faults: [], read: null, unsure: null };

export const checked = computed<Checked>(() => {
  const api = contract.value;
  if (!api || (form.value !== "json" && form.value !== "text")) return NOTHING;
  const found = checkText(api, channel.value, channelValues.value, text.value, picked.value);
  return form.value === "text" && !found.message ? { ...found, faults: [] } : found;
});

/** The schema that the editor offers members of. */
export const plain = computed(() => {
  const api = contract.value;
  const message = checked.value.message;
  return api && channel.value && message ? checkerFor(api, channel.value, message)?.plain ?? null : null;
});

export const kind = computed<Kind>(() => {
  const message = checked.value.message ?? (channel.value ? messagesOf(channel.value, "send")[0] : null);
  return message ? kindOf(message.contentType) : "json";
});

/** What the broker has said of the message, as long as it is the one that was sent last. */
const brokers = computed<Fault[]>(() => {
  const last = sent.value[0];
  if (!last || last.text !== text.value || last.topic !== topic.value || !("notice" in last.answer)) return [];
  return last.answer.notice?.errors ?? [];
});

const told = computed<Told[]>(() => toldOf(plain.value, checked.value.read?.value, checked.value.faults, brokers.value));

export const marks = computed<Mark[]>(() => {
  const { read } = checked.value;
  if (!read) return told.value.map(({ words, isBrokers }) => ({ from: 0, to: text.value.length, message: words, isBrokers }));
  if (read.fault) return form.value === "json" ? [{ ...read.fault, isBrokers: false }] : [];
  return marksOf(read, told.value);
});

export interface Complaint { words: string; field?: string; tone: "bad" | "warn" }

/** All that is wrong with the message beside its payload. */
export const complaints = computed<Complaint[]>(() => {
  const found: Complaint[] = [];
  const add = (words: string, tone: Complaint["tone"] = "bad") => found.push({ words, tone });
  const at = channel.value;
  if (channelId.value && at) {
    for (const parameter of at.parameters) {
      const fault = parameterFault(parameter, values.value[parameter.name] ?? "");
      if (fault) add(`${parameter.name} ${fault}`);
    }
  } else {
    const fault = topicFault(freeTopic.value);
    if (fault) add(fault);
    else if (!at && contract.value) add("No channel of the contract that you may see has this topic.", "warn");
  }
  if (at?.may?.send === "no") add(whyNot(at));
  const op = operation.value;
  if (op && qos.value < op.qos) add(`The contract asks for QoS ${op.qos === 1 ? "1 or 2" : "2"} here.`);
  if (op && op.retain === false && retain.value) add("The contract says that it is never retained.");
  if (op && op.retain === true && !retain.value) add("The contract says that it is always retained.");
  if (checked.value.unsure) add(checked.value.unsure, "warn");
  const bytes = payload.value;
  if (bytes === null) add(form.value === "file" ? "Which file?" : form.value === "hex" ? "This is no hex: two digits for each byte." : "This is no base64.");
  else if (contract.value && bytes.length > payloadMax(contract.value, at)) add(`The payload has ${bytes.length} bytes; the contract takes ${payloadMax(contract.value, at)}.`);
  return found;
});

export const isSendable = computed(() =>
  payload.value !== null && topicFault(topic.value) === null && !/\{[^}]*\}/.test(channelId.value ? topic.value : ""));
export const isRight = computed(() => checked.value.faults.length === 0 && !complaints.value.some(({ tone }) => tone === "bad"));

/** Nobody can tell here whether the payload is right: bytes, a topic of no channel, a schema that can't be read. */
export const isUnsure = computed(() => checked.value.unsure !== null || channel.value === null || checked.value.message === null);

export function whyNot(at: Channel): string {
  const sends = sendsOf(at);
  if (sends.length === 0) return "Nobody but the broker sends here.";
  const needed = [...new Set(sends.flatMap(({ scopes }) => scopes.map((all) => all.join(" and "))))];
  return needed.length > 0 ? `This account may not send here: that needs ${needed.join(" or ")}.` : "This account may not send here.";
}

/** The parameter's own twin in the payload is kept the same. */
export function setValue(name: string, value: string): void {
  batch(() => {
    values.value = { ...values.value, [name]: value };
    const api = contract.value;
    const pointer = api && channel.value && form.value === "json" ? locationOf(api, channel.value, name) : null;
    if (!pointer) return;
    const read = readJson(text.value);
    if (read.value !== undefined && valueAt(read.value, pointer) !== undefined) text.value = setAt(text.value, pointer, value);
  });
}

export function useExample(example: Example | null): void {
  const api = contract.value;
  const at = channel.value;
  if (!api || !at) return;
  const own = messagesOf(at, "send");
  const message = example ? own.find(({ examples }) => examples.includes(example)) : own.find(({ key }) => key === picked.value) ?? own[0];
  if (!message) return;
  const isJson = kindOf(message.contentType) === "json";
  const checker = checkerFor(api, at, message);
  const value = example ? example.payload : checker ? sampleMessage(checker.plain) : {};
  let made = typeof value === "string" && !isJson ? value : JSON.stringify(value, null, 2);
  const all = { ...values.value };
  for (const { name } of isJson && channelId.value ? at.parameters : []) {
    const pointer = locationOf(api, at, name);
    if (!pointer) continue;
    if (all[name]) made = setAt(made, pointer, all[name]);
    else all[name] = String(valueAt(value, pointer) ?? "");
  }
  if (isJson && checker) made = freshen(made, checker.plain);
  batch(() => {
    if (picked.value) picked.value = message.key; // else any that fits
    form.value = isJson ? "json" : kindOf(message.contentType) === "text" || typeof value === "string" ? "text" : "hex";
    values.value = all;
    text.value = kindOf(message.contentType) === "binary" && typeof value !== "string" ? "" : made;
  });
}

export function pickChannel(id: string | null): void {
  batch(() => {
    const before = topic.value;
    channelId.value = id;
    picked.value = null;
    if (id === null) {
      freeTopic.value = before.includes("{") ? "" : before;
      return;
    }
    const at = channel.value;
    if (!at) return;
    const kept: Record<string, string> = {};
    for (const { name, default: usual, own } of at.parameters)
      kept[name] = values.value[name] ?? usual ?? (own === "principal" ? whoami.value?.principal : undefined) ?? "";
    values.value = kept;
    const op = sendsOf(at)[0];
    qos.value = op?.qos ?? 0;
    retain.value = op?.retain === true;
    const message = messagesOf(at, "send")[0];
    useExample(message?.examples[0] ?? null);
    for (const { name, examples, values: all } of at.parameters)
      if (!values.value[name]) setValue(name, examples[0] ?? all?.[0] ?? "");
  });
}

export function freshenDraft(): void {
  if (plain.value) text.value = freshen(text.value, plain.value);
}

/** Shows what somebody prepared. Sends nothing. */
export function prepare(message: Prepared): void {
  batch(() => {
    const api = contract.value;
    const wanted = find(api, message.channel ?? null);
    if (wanted) {
      pickChannel(wanted.id);
      for (const { name } of wanted.parameters) values.value = { ...values.value, [name]: message.values?.[name] ?? values.value[name] ?? "" };
    } else {
      const found = api && message.topic ? channelOf(api, message.topic) : null;
      if (found) {
        pickChannel(found.channel.id);
        values.value = found.values;
      } else {
        pickChannel(null);
        freeTopic.value = message.topic ?? "";
      }
    }
    if (message.payload !== undefined) {
      text.value = message.payload;
      form.value = kind.value === "json" && (channel.value || readJson(message.payload).fault === null) ? "json" : "text";
      picked.value = null;
    }
    if (message.qos !== undefined) qos.value = message.qos;
    if (message.retain !== undefined) retain.value = message.retain;
    properties.value = message.properties ?? {};
  });
}

export function preparedDraft(): Prepared {
  return {
    ...(channelId.value ? { channel: channelId.value, values: values.value } : {}),
    topic: topic.value,
    ...(form.value === "json" || form.value === "text" ? { payload: text.value } : {}),
    qos: qos.value,
    retain: retain.value,
    ...(Object.keys(properties.value).length > 0 ? { properties: properties.value } : {}),
  };
}

// The first channel that the account may send to, once the contract is there. Another contract may not have the one that was picked.
effect(() => {
  const api = contract.value;
  if (!api) return;
  const isGone = channelId.peek() !== null && !find(api, channelId.peek());
  const isFresh = channelId.peek() === null && freeTopic.peek() === "";
  if (!isGone && !isFresh) return;
  const first = api.channels.find(({ may }) => may?.send === "yes") ?? api.channels.find(({ may }) => may?.send === "own")
    ?? api.channels.find((at) => !at.may && sendsOf(at).length > 0);
  pickChannel(first?.id ?? null);
});
