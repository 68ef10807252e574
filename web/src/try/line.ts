// The connection that Try makes: its own, beside the console's, so that its client id, session and
// last will can be played with. What arrives goes into the inbox; refusals go to who sent.
import { computed, effect, signal } from "@preact/signals";
import { credentials, freshId, isSignedIn } from "../app/session";
import type { Whoami } from "../broker/commands";
import { Connection, type Message, type SubscribeOptions } from "../broker/connection";
import { filterOf, type Channel } from "../contract/model";
import { paced } from "../ui/pace";
import { Inbox } from "./inbox";

export const line = new Connection();
/** The other half of a shared subscription. */
export const second = new Connection();

export interface Settings {
  clientId: string;
  clean: boolean;
  expiry: number; // seconds that the session outlives the connection
  keepalive: number; // seconds
  hasWill: boolean;
  willTopic: string;
  willPayload: string;
  willQos: 0 | 1 | 2;
  willRetain: boolean;
}

export const settings = signal<Settings>({
  clientId: "", clean: true, expiry: 0, keepalive: 60, hasWill: false, willTopic: "", willPayload: "", willQos: 0, willRetain: false,
});
export const who = signal<Whoami | null>(null);
/** Why the connection is not there, in a sentence. */
export const lineTrouble = signal<string | null>(null);
/** What became of the last connection: a session that was there, say. */
export const lineNote = signal<string | null>(null);
/** Ended or cut off by the reader: it does not come back by itself. */
export const isHeld = signal(false);

export interface Subscription {
  filter: string;
  options: SubscribeOptions;
  state: "asking" | "on" | "refused" | "leaving"; // leaving: until the broker has heard it
  code: number; // granted QoS, or the refusal's
  isShared: boolean; // by both connections
  counts: [number, number]; // of a shared one: what each got
}
export const subscriptions = signal<Subscription[]>([]);

export const inbox = new Inbox();
const DRAWN_MS = 100; // between two drawings at least

/** Changes when the inbox did, ten times a second at most. */
export const arrivals = signal(0);
export const isPaused = signal(false);
export const isOn = computed(() => line.phase.value.is === "on");

const bump = paced(() => {
  if (!isPaused.value) arrivals.value++;
}, DRAWN_MS);

export function clearInbox(): void {
  inbox.clear();
  subscriptions.value = subscriptions.value.map((it) => ({ ...it, counts: [0, 0] }));
  arrivals.value++;
}

/** As the plugin writes a principal or a client id into a level: RFC 3986. */
const level = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** The filter of a channel's topics; where a level is the reader's own (x-own), with its name there. */
export function filterFor(channel: Channel): string {
  const at = who.value;
  if (!at || channel.may?.receive !== "own") return filterOf(channel.address);
  return filterOf(channel.parameters.reduce((address, { name, own }) =>
    own === "principal" ? address.replace(`{${name}}`, level(at.principal))
      : own === "clientId" ? address.replace(`{${name}}`, level(at.clientId)) : address, channel.address));
}

export const noticesTopic = computed(() => {
  if (who.value) return who.value.notices;
  const { clientId } = settings.value;
  return credentials.value?.username ? `refusals/${level(credentials.value.username)}/${level(clientId)}` : null;
});

let noticesOn: string | null = null;
/** Do we hear of refusals? Null: not asked yet. */
export const hearsRefusals = signal<boolean | null>(null);

async function listenToNotices(): Promise<void> {
  const topic = noticesTopic.value;
  noticesOn = topic;
  if (topic === null) {
    hearsRefusals.value = false;
    return;
  }
  try {
    hearsRefusals.value = (await line.subscribe(topic, 1)) < 128;
  } catch {
    hearsRefusals.value = false;
  }
}

export const isNotice = (topic: string): boolean => topic === noticesOn;

/** Has the reader subscribed to the topic, too? */
const isWanted = (topic: string): boolean =>
  subscriptions.value.some(({ filter, state }) => state !== "refused" && matches(filter, topic));

export function matches(filter: string, topic: string): boolean {
  const wanted = filter.replace(/^\$share\/[^/]+\//, "").split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && !wanted[0].startsWith("$")) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === "#") return true;
    if (i >= levels.length || (wanted[i] !== "+" && wanted[i] !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

function take(message: Message, which: 0 | 1): void {
  if (message.topic === "$CONTROL/petstore/v1/response") return;
  if (isNotice(message.topic) && !isWanted(message.topic)) return;
  inbox.add(message, which === 1 ? "second" : "");
  for (const it of subscriptions.value) if (it.isShared && matches(it.filter, message.topic)) it.counts[which]++;
  bump();
}
line.onMessage((message) => take(message, 0));
second.onMessage((message) => take(message, 1));

/** Connects with the settings, as whoever is signed in. */
export async function connectLine(): Promise<void> {
  const account = credentials.value;
  if (!account) return;
  if (!settings.value.clientId) settings.value = { ...settings.value, clientId: freshId(account.username, "try") };
  const { clientId, clean, expiry, keepalive, hasWill, willTopic, willPayload, willQos, willRetain } = settings.value;
  isHeld.value = false;
  lineTrouble.value = lineNote.value = null;
  try {
    await line.connect({
      ...account, clientId, clean, sessionExpiry: expiry, keepalive,
      will: hasWill ? { topic: willTopic, payload: willPayload, qos: willQos, retain: willRetain } : undefined,
    });
  } catch (error) {
    const words = (error as Error).message;
    lineTrouble.value = words.endsWith("unreachable") ? "No connection to the broker." : words;
  }
}

export function disconnectLine(): void {
  isHeld.value = true;
  line.end();
  lineNote.value = settings.value.expiry > 0
    ? `Disconnected. The broker keeps the session for ${settings.value.expiry} s: connect again to see what was queued.` : "Disconnected.";
}

// A browser closes a websocket by asking the other side to close it. Mosquitto 2.1 does not answer
// that, so that it waits for the client until the keep alive is over.
function whenNoticed(): string {
  if (!who.value?.broker.version.startsWith("2.1")) return "now";
  const { keepalive } = settings.value;
  return `once it notices: Mosquitto 2.1 does so ${keepalive > 0 ? `after one and a half times the keep alive, ${keepalive * 1.5} s` : "when the browser gives up"}`;
}

export function cutLine(): void {
  isHeld.value = true;
  line.cut();
  lineNote.value = settings.value.hasWill
    ? `Cut off without DISCONNECT: the broker sends the last will ${whenNoticed()}.` : "Cut off without DISCONNECT. There was no last will.";
}

// After each time that it is on.
effect(() => {
  if (line.times.value === 0) return;
  void afterConnect();
});

async function afterConnect(): Promise<void> {
  const phase = line.phase.peek();
  const isKept = phase.is === "on" && phase.sessionPresent;
  if (!settings.peek().clean)
    lineNote.value = isKept ? "The broker had kept the session: what was queued comes now."
      : "The broker had no session of this client id: it begins anew.";
  for (const it of subscriptions.peek()) {
    if (it.state === "refused" || it.state === "leaving") continue;
    if (isKept) line.assume(it.filter, it.options);
    else void ask(it);
  }
  try {
    who.value = await line.command<Whoami>("whoami");
  } catch {
    who.value = null;
  }
  await listenToNotices();
}

function update(filter: string, change: Partial<Subscription>): void {
  subscriptions.value = subscriptions.value.map((it) => (it.filter === filter ? { ...it, ...change } : it));
}

async function ask(it: Subscription): Promise<void> {
  try {
    const code = await line.subscribe(it.filter, it.options);
    if (it.isShared && code < 128) await second.subscribe(it.filter, it.options);
    update(it.filter, { state: code < 128 ? "on" : "refused", code });
  } catch {
    update(it.filter, { state: "refused", code: 0x80 });
  }
}

export async function subscribe(filter: string, options: SubscribeOptions, isShared: boolean): Promise<void> {
  const made: Subscription = { filter, options, state: "asking", code: 0, isShared, counts: [0, 0] };
  subscriptions.value = [...subscriptions.value.filter((it) => it.filter !== filter), made];
  if (isShared && second.phase.value.is !== "on") {
    const account = credentials.value!;
    await second.connect({ ...account, clientId: freshId(account.username, "try2"), clean: true, sessionExpiry: 0 })
      .catch((error: Error) => (lineTrouble.value = `The second connection failed: ${error.message}`));
  }
  await ask(made);
}

export async function unsubscribe(filter: string): Promise<void> {
  const it = subscriptions.value.find((one) => one.filter === filter);
  if (it?.state === "on") {
    // Messages may come until the broker has answered.
    update(filter, { state: "leaving" });
    await Promise.all([line.unsubscribe(filter), it.isShared ? second.unsubscribe(filter) : null]);
  }
  subscriptions.value = subscriptions.value.filter((one) => one.filter !== filter || (it?.state === "on" && one.state !== "leaving"));
  if (it?.isShared && !subscriptions.value.some(({ isShared }) => isShared)) second.end();
}

// Who signs out leaves nothing of it here; who signs in as another begins anew.
let account = "";
/** How often another account has signed in, or nobody. */
export const accounts = signal(0);
effect(() => {
  const now = credentials.value ? `${credentials.value.username} ${credentials.value.url}` : "";
  if (now === account) return;
  account = now;
  accounts.value = accounts.peek() + 1;
  line.end();
  second.end();
  who.value = null;
  isHeld.value = false;
  lineTrouble.value = lineNote.value = null;
  subscriptions.value = [];
  settings.value = { ...settings.peek(), clientId: "" };
  clearInbox();
});

/** The view is shown: it connects, unless the reader said not to. */
export function wake(): void {
  if ((isSignedIn.value || credentials.value) && line.phase.value.is === "off" && !isHeld.value) void connectLine();
}
