// What comes by itself while somebody watches: refusals, alerts and numbers, each where the account
// may read it. Goes on while other views are open. Messages are taken in as they come and shown
// four times a second, so that a flood costs no more than a trickle.
import { effect, signal, untracked } from "@preact/signals";
import { connection, contract, may, whoami } from "../app/session";
import type { History } from "../broker/commands";
import type { Message } from "../broker/connection";
import { ask } from "./ask";
import { Newest, Tally } from "./counting";
import { fromNotice, type Refusal } from "./refusal";
import { Table } from "./series";
import type { Alert } from "./types";

const SHOW_MS = 250;
const FLOOD = 50; // in one drawing: most rows on the screen are others then
const CALM_MS = 2_000;
const REFUSALS_MAX = 5_000;
const ALERTS_MAX = 500;
const STEP_MS = 10_000; // of the numbers, as the broker keeps them
const STEPS_MAX = 361;
const BURST_MS = 500; // the broker says what changed all at once
const QUIET_MS = 15_000; // and nothing where nothing changed: then it is as it was
const HISTORY_MS = 60_000; // where there is nothing else to ask

const REFUSALS = "refusals/#";
const ALERTS = "alerts/#";
const SYS = "$SYS/broker/petstore/";
const UPTIME = "$SYS/broker/uptime"; // the broker's own: "123 seconds"
const STRAY_MS = 20_000; // that two readings of it may differ by

export type Feed = "no" | "asked" | "on" | "refused";

const decoder = new TextDecoder();

/** May the account read all topics of a kind? The contract that it is given says so. */
const mayRead = (first: string): boolean =>
  contract.value?.channels.some(({ address, may }) => address.split("/")[0] === first && may?.receive === "yes") ?? false;

const REFUSAL_KEYS = ["reason", "client", "topic", "principal"] as const;
export type RefusalKey = (typeof REFUSAL_KEYS)[number];

/** Refusals that came. */
export const refusals = {
  feed: signal<Feed>("no"),
  rows: signal<Refusal[]>([]), // newest first
  /** Changes with each batch: how many came in all, those that were told in sums included. */
  total: signal(0),
  heldBack: signal(0),
  since: signal(0), // ms; when it began
  dropped: signal(0),
  /** So many come that no row stays for a second. */
  isFlood: signal(false),
};
let calm: ReturnType<typeof setTimeout> | undefined;
const newest = new Newest<Refusal>(REFUSALS_MAX);
let pending: Refusal[] = [];
let lost = 0; // of a batch that was larger than all that is kept

/** What came after @at, counted. Only what is kept still is counted: of more than 5,000 the newest. */
export function tallyOf(rows: Refusal[], key: RefusalKey, after: number): Tally {
  const tally = new Tally();
  for (const row of rows) {
    if (row.time <= after) break;
    tally.add(row[key], row.time);
  }
  return tally;
}

export const alerts = {
  feed: signal<Feed>("no"),
  rows: signal<Alert[]>([]), // newest first
  dropped: signal(0),
};
const newestAlerts = new Newest<Alert>(ALERTS_MAX);
let pendingAlerts: Alert[] = [];

export type Source = "waiting" | "none" | "topics" | "counters" | "history";

/** Numbers below $SYS/broker/petstore/, of the last hour. */
export const numbers = {
  source: signal<Source>("waiting"),
  table: new Table(STEPS_MAX, STEP_MS * 0.9),
  /** Changes with each row. */
  round: signal(0),
  /** The table, for what is drawn: drawn anew with each row. */
  get rows(): Table {
    void this.round.value;
    return this.table;
  },
  /** Those that are texts: version, contract. */
  texts: signal<Record<string, string>>({}),
  trouble: signal<string | null>(null),
  /** Since when the broker runs, ms; null: not known. */
  started: signal<number | null>(null),
};
const current = new Map<string, number>();

// ---- taking in ---------------------------------------------------------------------------

let timer: ReturnType<typeof setTimeout> | null = null;

function show(): void {
  timer = null;
  if (pending.length > FLOOD) {
    refusals.isFlood.value = true;
    clearTimeout(calm);
    calm = setTimeout(() => { refusals.isFlood.value = false; }, CALM_MS);
  }
  if (pending.length > 0 || lost > 0) {
    newest.dropped += lost;
    newest.add(pending.filter(({ heldBack }) => heldBack === 0));
    refusals.total.value += lost + pending.reduce((sum, { heldBack }) => sum + (heldBack || 1), 0);
    refusals.heldBack.value += pending.reduce((sum, { heldBack }) => sum + heldBack, 0);
    refusals.rows.value = newest.items;
    refusals.dropped.value = newest.dropped;
    pending = [];
    lost = 0;
  }
  if (pendingAlerts.length > 0) {
    newestAlerts.add(pendingAlerts);
    alerts.rows.value = newestAlerts.items;
    alerts.dropped.value = newestAlerts.dropped;
    pendingAlerts = [];
  }
}

function take(message: Message): void {
  const { topic } = message;
  if (topic === UPTIME) {
    const started = message.at - Number.parseInt(decoder.decode(message.payload), 10) * 1000;
    const known = numbers.started.value;
    if (Number.isFinite(started) && (known === null || Math.abs(started - known) > STRAY_MS)) numbers.started.value = started;
    return;
  }
  if (topic.startsWith(SYS)) {
    takeNumber(topic.slice(SYS.length), decoder.decode(message.payload));
    if (!message.retain) burst ??= setTimeout(addRow, BURST_MS);
  } else if (topic.startsWith("refusals/") && refusals.feed.value !== "no") {
    const refusal = fromNotice(topic, decoder.decode(message.payload), message.at);
    if (!refusal) return;
    pending.push(refusal);
    if (pending.length > REFUSALS_MAX) lost += pending.splice(0, pending.length - REFUSALS_MAX).length;
  } else if (topic.startsWith("alerts/") && alerts.feed.value !== "no") {
    try {
      pendingAlerts.push(JSON.parse(decoder.decode(message.payload)) as Alert);
    } catch {
      return; // nothing of the plugin's
    }
    if (pendingAlerts.length > ALERTS_MAX) pendingAlerts.shift();
  } else {
    return;
  }
  timer ??= setTimeout(show, SHOW_MS);
}

function takeNumber(name: string, text: string): void {
  const value = Number(text);
  if (text !== "" && Number.isFinite(value) && !/^(version|contract)/.test(name)) current.set(name, value);
  else if (numbers.texts.value[name] !== text) numbers.texts.value = { ...numbers.texts.value, [name]: text };
}

let burst: ReturnType<typeof setTimeout> | null = null;

function addRow(): void {
  burst = null;
  if (current.size === 0) return;
  numbers.table.add(Date.now(), new Map(current));
  numbers.round.value++;
}

/** Refusals that are shown are forgotten; those to come are not. */
export function forgetRefusals(): void {
  newest.clear();
  pending = [];
  refusals.rows.value = [];
  refusals.total.value = refusals.heldBack.value = refusals.dropped.value = 0;
  refusals.since.value = Date.now();
}

// ---- numbers -----------------------------------------------------------------------------

/** The last hour comes in a few parts at most. */
async function askHistory(): Promise<History[]> {
  const parts: History[] = [];
  let after: string | null | undefined;
  do {
    const part: History = await ask<History>("history", after ? { after } : {});
    parts.push(part);
    after = part.next;
  } while (after && parts.length < STEPS_MAX);
  return parts;
}

async function loadHistory(): Promise<void> {
  if (!may("history")) return;
  const parts = await askHistory();
  const { table } = numbers;
  const later = table.times.map((time, i) => ({ time, row: rowAt(i) }));
  table.clear();
  for (const { step, from, names, values } of parts) {
    values.forEach((row, i) => {
      const known = new Map<string, number>();
      names.forEach((name, column) => {
        const value = row[column];
        if (typeof value === "number") known.set(name, value);
      });
      table.add((from + i * step) * 1000, known);
    });
  }
  for (const { time, row } of later) table.add(time, row);
  for (const name of table.names) if (!current.has(name)) {
    const last = table.last(name);
    if (last !== null) current.set(name, last);
  }
  numbers.round.value++;
}

function rowAt(index: number): Map<string, number> {
  const row = new Map<string, number>();
  for (const name of numbers.table.names) {
    const value = numbers.table.series(name).values[index];
    if (value !== null) row.set(name, value);
  }
  return row;
}

async function readCounters(): Promise<void> {
  for (const [name, text] of Object.entries(await ask<Record<string, string>>("counters"))) takeNumber(name, text);
}

let lastHistory = 0;

async function step(): Promise<void> {
  if (connection.phase.peek().is !== "on") return;
  try {
    if (numbers.source.peek() === "history") {
      if (Date.now() - lastHistory < HISTORY_MS) return;
      lastHistory = Date.now();
      await loadHistory();
    } else {
      const isDue = Date.now() - (numbers.table.times.at(-1) ?? 0) > (numbers.source.peek() === "counters" ? STEP_MS / 2 : QUIET_MS);
      if (isDue && numbers.source.peek() === "counters") await readCounters();
      if (isDue) addRow();
    }
    numbers.trouble.value = null;
  } catch (error) {
    numbers.trouble.value = (error as Error).message;
  }
}

// ---- life --------------------------------------------------------------------------------

/** Which scope lets one read $SYS? The contract says; else the one that is usual. */
function maySys(): boolean {
  return whoami.value?.scopes.includes("read:sys") ?? false;
}

async function subscribe(filter: string, qos: 0 | 1, feed: { value: Feed }): Promise<void> {
  feed.value = "asked";
  try {
    feed.value = (await connection.subscribe(filter, qos)) < 128 ? "on" : "refused";
  } catch {
    feed.value = "refused";
  }
}

/** Subscribes to and asks for what the account may. */
async function begin(): Promise<void> {
  const [hasRefusals, hasAlerts, hasSys] = [mayRead("refusals"), mayRead("alerts"), maySys()];
  if (refusals.since.value === 0) refusals.since.value = Date.now();
  const sys = signal<Feed>("no");
  await Promise.all([
    // Not acknowledged one by one: of a flood the broker would queue fewer, and drop the rest.
    hasRefusals ? subscribe(REFUSALS, 0, refusals.feed) : (refusals.feed.value = "no"),
    hasAlerts ? subscribe(ALERTS, 1, alerts.feed) : (alerts.feed.value = "no"),
    hasSys ? subscribe(`${SYS}#`, 0, sys) : undefined,
    hasSys ? subscribe(UPTIME, 0, signal<Feed>("no")) : undefined,
  ]);
  numbers.source.value = sys.value === "on" ? "topics" : may("counters") ? "counters" : may("history") ? "history" : "none";
  lastHistory = Date.now();
  await loadHistory().catch((error: Error) => {
    numbers.trouble.value = error.message;
  });
  await step();
}

function end(): void {
  newest.clear();
  newestAlerts.clear();
  pending = [];
  pendingAlerts = [];
  numbers.table.clear();
  current.clear();
  refusals.rows.value = [];
  alerts.rows.value = [];
  refusals.total.value = refusals.heldBack.value = refusals.dropped.value = refusals.since.value = alerts.dropped.value = 0;
  refusals.feed.value = alerts.feed.value = "no";
  numbers.source.value = "waiting";
  numbers.texts.value = {};
  numbers.started.value = null;
  numbers.round.value++;
}

let isBegun = false;

/** Once, when the view is first opened. */
export function watchFromNowOn(): void {
  if (isBegun) return;
  isBegun = true;
  connection.onMessage(take);
  setInterval(() => void step(), STEP_MS);
  let known = "";
  effect(() => {
    // What is read is asked for anew with another account, other rights, and another connection.
    const who = whoami.value;
    const now = who && contract.value
      ? JSON.stringify([who.principal, who.clientId, who.scopes, who.own, who.commands, connection.times.value,
        mayRead("refusals"), mayRead("alerts")])
      : "";
    if (now === known) return;
    const before = known;
    known = now;
    untracked(() => {
      if (!now || (before && JSON.parse(before)[0] !== who?.principal)) end();
      if (now) void begin();
    });
  });
}
