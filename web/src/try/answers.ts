// Sending, and what the broker answers: accepted, with the event's id, or the refusal with its
// reasons. No PUBACK carries either; so the event is looked up by command, and refusals are heard
// on the topic of the connection's notices.
import { effect, signal } from "@preact/signals";
import { ask, type Event, type Page } from "../broker/commands";
import type { CommandError } from "../broker/command-error";
import type { Message } from "../broker/connection";
import { REASON } from "../broker/words";
import type { Properties } from "../app/trylink";
import { differenceOf } from "./diff";
import { isNotice, line, accounts, who } from "./line";
import { textOf } from "./payload";

export interface Notice {
  title: string;
  detail: string;
  reason: string;
  errors?: { field: string; code: string; message: string }[];
  decisionId?: string;
  currentStatus?: string;
  messageName?: string;
  observed?: boolean;
  topic?: string;
  qos?: number;
  heldBack?: number;
}

export type Answer =
  | { is: "queued" } // the one before it on its topic has no answer yet
  | { is: "waiting" }
  | { is: "accepted"; event: Event | null; note: string; notice: Notice | null }
  | { is: "refused"; code: number; notice: Notice | null }
  | { is: "unknown"; why: string };

export interface Outgoing {
  topic: string;
  payload: Uint8Array;
  text: string | null; // as it stood in the editor
  qos: 0 | 1 | 2;
  retain: boolean;
  properties: Properties;
  isRecorded: boolean | null; // by the contract; null: no channel
}

export interface Sent extends Outgoing { n: number; at: number; answer: Answer; took: number | null }

const SENT_MAX = 100;
const ANSWER_MS = 2000; // an event or a refusal is waited for so long
const TURN_MS = 10_000; // and the next on its topic waits for it so long
const LATE_MS = 30_000; // a refusal that comes later than this belongs to nothing here

export const sent = signal<Sent[]>([]); // the newest first
let counter = 0;
const seen = new Set<number>(); // events that were found already

const change = (n: number, answer: Answer): void => {
  sent.value = sent.value.map((it) => (it.n === n ? { ...it, answer, took: Date.now() - it.at } : it));
};
// Who signs in as another finds nothing of the one before.
effect(() => {
  if (accounts.value >= 0) sent.value = [];
});

const find = (n: number): Sent | undefined => sent.peek().find((it) => it.n === n);

/** A notice says to which message it belongs by topic and QoS; on a topic one at a time is under way. */
line.onMessage((message: Message) => {
  if (!isNotice(message.topic)) return;
  let notice: Notice;
  try {
    notice = JSON.parse(textOf(message.payload) ?? "") as Notice;
  } catch {
    return;
  }
  if (typeof notice !== "object" || notice === null || notice.heldBack !== undefined) return;
  const isLet = notice.observed === true; // it passed all the same
  const isOpen = ({ answer }: Sent, isLate: boolean): boolean => answer.is === "waiting" || answer.is === "unknown"
    || (answer.is === "refused" && !isLet && !answer.notice) || (answer.is === "accepted" && (isLet || isLate) && !answer.notice);
  const mine = [...sent.peek()].reverse().filter((it) => it.topic === notice.topic && it.at > Date.now() - LATE_MS
    && (notice.qos === undefined || it.qos === notice.qos));
  // What was accepted may be overruled later, by another broker's step.
  // What is under way comes first; else the last one, whose notice comes a little late.
  const heard = mine.find(({ answer }) => answer.is === "waiting") ?? mine.findLast((it) => isOpen(it, false)) ?? mine.findLast((it) => isOpen(it, true));
  if (!heard) return;
  const event = heard.answer.is === "accepted" ? heard.answer.event : null;
  const code = heard.answer.is === "refused" ? heard.answer.code : 0;
  if (isLet || event) change(heard.n, { is: "accepted", event, note: "", notice });
  else change(heard.n, { is: "refused", code, notice });
});

function toMqtt(properties: Properties): Parameters<typeof line.publish>[2]["properties"] {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, payloadFormatIndicator, userProperties } = properties;
  const made: Record<string, unknown> = {};
  if (contentType) made.contentType = contentType;
  if (responseTopic) made.responseTopic = responseTopic;
  if (correlationData) made.correlationData = new TextEncoder().encode(correlationData);
  if (messageExpiryInterval !== undefined) made.messageExpiryInterval = messageExpiryInterval;
  if (payloadFormatIndicator) made.payloadFormatIndicator = true;
  const names = new Map<string, string[]>();
  for (const [name, value] of userProperties ?? []) if (name) names.set(name, [...(names.get(name) ?? []), value]);
  if (names.size > 0)
    made.userProperties = Object.fromEntries([...names].map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
  return Object.keys(made).length > 0 ? made as never : undefined;
}

const turns = new Map<string, Promise<void>>(); // of each topic the last one's

/** One at a time on a topic, so that each gets the answer that is its own. */
export function send(message: Outgoing): Promise<void> {
  const n = ++counter;
  const { topic } = message;
  const before = turns.get(topic);
  const answer: Answer = before ? { is: "queued" } : { is: "waiting" };
  sent.value = [{ ...message, n, at: Date.now(), answer, took: null }, ...sent.value].slice(0, SENT_MAX);
  const mine = Promise.race([before, sleep(before ? TURN_MS : 0)]).then(() => sendNow(n, message));
  turns.set(topic, mine);
  return mine.finally(() => {
    if (turns.get(topic) === mine) turns.delete(topic);
  });
}

async function sendNow(n: number, message: Outgoing): Promise<void> {
  if (!find(n)) return; // signed out, or a hundred more were sent
  sent.value = sent.value.map((it) => (it.n === n ? { ...it, at: Date.now(), answer: { is: "waiting" } } : it));
  try {
    const { code } = await line.publish(message.topic, message.payload as never,
      { qos: message.qos, retain: message.retain, properties: toMqtt(message.properties) });
    if (code >= 128) await refused(n, code);
    else await accepted(n, code);
  } catch (error) {
    if (find(n)?.answer.is === "waiting") change(n, { is: "unknown", why: `It was not acknowledged: ${(error as Error).message}` });
  }
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The notice says why; it may come a little later than the acknowledgement. */
async function refused(n: number, code: number): Promise<void> {
  for (const end = Date.now() + ANSWER_MS; Date.now() < end && find(n)?.answer.is === "waiting"; ) await sleep(50);
  const answer = find(n)?.answer;
  if (answer?.is === "waiting") change(n, { is: "refused", code, notice: null });
  else if (answer?.is === "refused") change(n, { ...answer, code });
}

async function accepted(n: number, code: number): Promise<void> {
  const it = find(n);
  if (!it) return;
  const nobody = code === 0x10 ? "Nobody has subscribed to it." : "";
  const done = (event: Event | null, note: string) => {
    if (find(n)?.answer.is === "waiting") change(n, { is: "accepted", event, note: [note, nobody].filter(Boolean).join(" "), notice: null });
  };
  if (it.isRecorded === false && it.qos > 0) return done(null, "The channel records nothing, so there is no event.");
  if (who.value && !who.value.commands.includes("listEvents")) {
    if (it.qos === 0) await sleep(ANSWER_MS / 2);
    return done(null, it.qos > 0 ? "The event's id is for accounts with control:listEvents."
      : "Nothing was refused; QoS 0 has no acknowledgement.");
  }
  let trouble = "";
  for (let wait = 60, end = Date.now() + ANSWER_MS; Date.now() < end; wait = Math.min(wait * 1.5, 400)) {
    try {
      const event = await eventOf(it);
      if (event) return done(event, "");
    } catch (error) {
      trouble = (error as Error).message;
      break;
    }
    if (find(n)?.answer.is !== "waiting") return;
    await sleep(wait);
  }
  if (it.qos === 0 && !trouble) {
    if (find(n)?.answer.is !== "waiting") return;
    change(n, { is: "unknown", why: "QoS 0 has no acknowledgement; no event was kept, and no refusal came within 2 s." });
  } else done(null, trouble ? `The event's id could not be looked up: ${trouble}`
    : "Nothing new was kept of it so far: it says what was known already, its channel records nothing, or the database is behind.");
  void comesLate(it, nobody);
}

/** Accepted or not known, and without an event: the database may be behind; it is looked at for a while longer. */
async function comesLate(it: Sent, note: string): Promise<void> {
  const isOpen = (): boolean => {
    const answer = find(it.n)?.answer;
    return answer?.is === "unknown" || (answer?.is === "accepted" && !answer.event);
  };
  for (let wait = 500, end = Date.now() + LATE_MS; Date.now() < end && isOpen(); wait = Math.min(wait * 1.5, 5000)) {
    await sleep(wait);
    const event = isOpen() ? await eventOf(it).catch(() => null) : null;
    const answer = find(it.n)?.answer;
    if (event && isOpen()) change(it.n, { is: "accepted", event, note, notice: answer?.is === "accepted" ? answer.notice : null });
  }
}

/** The newest event of one's own on its topic, if it is this message's and was not found before. */
async function eventOf(it: Sent): Promise<Event | null> {
  let rows: Event[];
  try {
    ({ rows } = await ask<Page<Event>>(line, "listEvents", { topic: it.topic, mine: true, limit: 1 }));
  } catch (error) {
    if ((error as CommandError).code === "busy") return null;
    throw error;
  }
  const event = rows.find(({ seq }) => !seen.has(seq));
  if (!event || !isOf(event, it)) return null;
  seen.add(event.seq);
  return event;
}

/** Is it the event of this message? Payloads are kept set out in another way; long ones are cut. */
function isOf(event: Event, it: Sent): boolean {
  const text = textOf(it.payload);
  if (text === null || typeof event.payload !== "string" || event.cut === true) return true;
  return differenceOf(text, event.payload, [0, 0]).as === "same";
}

export const codeInWords = (code: number): string => REASON[code] ?? `code ${code}`;
