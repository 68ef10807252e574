// What a channel asks and promises, in words.
import { object, type Json } from "../contract/document";
import type { Channel, Contract, Held, Operation } from "../contract/model";
import { qosInWords, retainInWords } from "../contract/model";
import { either } from "../contract/shape";

const code = (text: string) => `\`${text}\``;

/** Who may do @operation, one sentence for each way to it. */
export function whoMay(contract: Contract, channel: Channel, operation: Operation): string {
  const isClients = contract.documents[channel.document].root["x-perspective"] === "client";
  const scopes = either(operation.scopes.map((all) => either(all.map(code), "and")));
  const needed = operation.scopes.length === 0 ? ""
    : `${operation.scopes.length === 1 && operation.scopes[0].length === 1 ? "the scope" : "the scopes"} ${scopes}`;
  if (isClients) return needed ? `whoever has ${needed}` : "everybody who is signed in";
  return needed ? `${operation.by}, with ${needed}` : operation.by;
}

/** With ":own" at the end of a scope: what belongs to the account alone. */
export function ownInWords(channel: Channel, operations: Operation[]): string | null {
  const scopes = [...new Set(operations.flatMap((it) => it.scopes.flat()))];
  if (!channel.entity || scopes.length === 0) return null;
  return `${either(scopes.map((scope) => code(`${scope}:own`)))} is enough for each one's own ${channel.entity.entity}s`;
}

export const heldInWords = (held: Held): string => ({ yes: "you may", own: "you may, your own only", no: "you may not" })[held];

/** How messages are published: QoS, retain, last will. */
export function howToSend(channel: Channel): string[] {
  const sends = channel.operations.filter(({ action }) => action === "send");
  if (sends.length === 0) return [];
  const qos = Math.min(...sends.map((it) => it.qos)) as 0 | 1 | 2;
  const retain = sends.some((it) => it.retain === null) || new Set(sends.map((it) => it.retain)).size > 1 ? null : sends[0].retain;
  return [`QoS: ${qosInWords(qos)}`, retainInWords(retain), channel.raw["x-will"] === "allowed" ? "may be a last will" : "never a last will"];
}

export function seconds(count: number): string {
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]] as const)
    if (count >= size && count % size === 0) return `${count / size} ${unit}${count === size ? "" : "s"}`;
  return `${count} second${count === 1 ? "" : "s"}`;
}

const LIMITS: [string, (n: string) => string][] = [
  ["payloadBytes", (n) => `a payload has at most ${n} bytes`],
  ["messagesPerSecond", (n) => `an account publishes at most ${n} messages a second`],
  ["burst", (n) => `at once at most ${n}`],
  ["bytesPerSecond", (n) => `an account publishes at most ${n} bytes a second`],
  ["clients", (n) => `an account counts as up to ${n} clients`],
  ["topicLevels", (n) => `a topic has at most ${n} levels`],
  ["topicBytes", (n) => `a topic has at most ${n} bytes`],
];

/** x-limits in words; [] where it has none. */
export function limitsInWords(limits: Json | undefined): string[] {
  const at = object(limits);
  return LIMITS.filter(([name]) => typeof at[name] === "number").map(([name, say]) => say((at[name] as number).toLocaleString("en")));
}

const MODES: Record<string, string> = { enforce: "refused", observe: "let through and reported", off: "not looked for" };
const GROUPS: Record<string, string> = {
  permission: "topics and rights", schema: "payloads and schemas", transition: "statuses and owners", limits: "sizes, QoS, retain and rates",
};

export function modeInWords(mode: Json | undefined): string | null {
  if (typeof mode === "string") return mode === "enforce" ? null : `What breaks a rule about messages is ${MODES[mode] ?? mode}.`;
  const odd = Object.entries(object(mode)).filter(([, value]) => value !== "enforce");
  return odd.length === 0 ? null : `${odd.map(([group, value]) => `What breaks a rule of ${GROUPS[group] ?? group} is ${MODES[String(value)] ?? value}.`).join(" ")}`;
}

/** What else the contract says of the channel. */
export function facts(contract: Contract, channel: Channel): string[] {
  const { raw } = channel;
  const root = contract.documents[channel.document].root;
  const said: string[] = [];
  const mode = modeInWords(raw["x-mode"] ?? root["x-mode"]);
  if (mode) said.push(mode);
  for (const limit of limitsInWords(raw["x-limits"])) said.push(`Here ${limit}.`);
  if (raw["x-record"] === false) said.push("Messages are not kept as events.");
  if (raw["x-durability"] === "power") said.push("An acknowledged message survives a power cut.");
  if (raw["x-consistency"] === "strict") said.push("Where several brokers share a database, a message is in it before it is acknowledged.");
  if (typeof raw["x-interval"] === "number") said.push(`Who publishes here is expected to go on at least every ${seconds(raw["x-interval"])}; who does not is reported.`);
  if (typeof raw["x-time"] === "string") said.push(`The message's time is its \`${raw["x-time"].replace(/^\//, "")}\`; a time far from now is reported.`);
  if (Array.isArray(raw["x-unique"])) said.push(`The same ${either(raw["x-unique"].map((it) => code(String(it).replace(/^\//, ""))), "and")} from the same user is the same event.`);
  const letter = raw["x-dead-letter"] ?? root["x-dead-letter"];
  const to = typeof letter === "string" ? letter : object(letter).topic;
  if (typeof to === "string" && channel.operations.some(({ action }) => action === "send")) said.push(`What is refused here goes whole to \`${to}\`.`);
  return said;
}
