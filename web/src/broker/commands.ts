// The plugin's commands and their answers, as types. See plugin/monitor/control.h.
import { CommandError } from "./command-error";
import type { Connection } from "./connection";
import { canGunzip, fromBase64, gunzip } from "./gzip";

export type Held = "yes" | "own" | "no";
export type Mode = "enforce" | "observe" | "off";
export type Group = "permission" | "schema" | "transition" | "limits";

export interface Whoami {
  principal: string;
  clientId: string;
  method: string;
  roles: string[];
  scopes: string[];
  own: string[];
  attributes: Record<string, string[]>;
  applications: { name: string; side: "is" | "talksTo"; operations: string[] | null }[];
  commands: string[];
  notices: string | null;
  isPeer: boolean;
  expires: string | null;
  broker: { name: string | null; version: string; plugin: string };
  contract: { title: string; version: string; digest: string; documents: number; channels: number; loaded: string };
  modes: Record<Group, { mode: Mode; forced: boolean }>;
  time: string;
}

export interface ContractPart {
  digest: string;
  size: number;
  offset: number;
  next: number | null;
  text: string;
  encoding?: string;
}

// ---- a broker that is busy -------------------------------------------------------------------

const PAUSE_MS = 500; // before the first time that it is asked again, at most; doubled each time
const PAUSE_MAX_MS = 8_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks again, @times at most, where the broker is busy with others, after a pause that is random:
 * many pages that begin at once are not to come back at once. @onBusy hears of each pause.
 */
export async function patiently<T>(ask: () => Promise<T>, times: number, onBusy?: () => void): Promise<T> {
  for (let tried = 0; ; tried++) {
    try {
      return await ask();
    } catch (error) {
      const { code } = error as CommandError;
      if (code !== "busy" || tried >= times) throw error;
      onBusy?.();
      await pause(Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** tried) * (0.5 + Math.random() / 2));
    }
  }
}

// ---- the contract ----------------------------------------------------------------------------

const CONTRACT_MAX = 128 * 1024 * 1024; // bytes of its text; the plugin's bound is lower
const PARTS = 32; // in one request
const BUSY_TIMES = 30; // some three minutes
const CHANGED_TIMES = 3;

const tooLarge = () => new CommandError(`The broker's contract has more than ${CONTRACT_MAX / 1024 / 1024} MB: it is not shown.`, "too-large");

type Ask = (members: Record<string, unknown>, count: number) => Promise<ContractPart[]>;

/** All parts, each of what @decode makes of its text, in their order. */
async function fetchParts<Piece>(ask: Ask, count: number, decode: (text: string) => Piece, bytes: (piece: Piece) => number): Promise<Piece[]> {
  const pieces: Piece[] = [];
  let digest: string | undefined;
  for (let at: number | null = 0; at !== null;) {
    const began = pieces.length;
    for (const part of await ask({ offset: at, ...(digest ? { digest } : {}) }, count)) {
      if (part.offset !== at) break; // one before it was lost: asked for again
      if (part.size > CONTRACT_MAX || part.offset > CONTRACT_MAX) throw tooLarge();
      const piece = decode(part.text);
      if (bytes(piece) === 0 || (part.next !== null && part.next !== part.offset + bytes(piece)))
        throw new CommandError("The broker's answer is no part of a contract.", "malformed");
      digest = part.digest;
      pieces.push(piece);
      at = part.next;
      if (at === null) return pieces;
    }
    if (pieces.length === began) throw new CommandError("The broker's answer is no part of a contract.", "malformed");
  }
  return pieces;
}

/** The text of a gzip file in parts; @most: bytes that it may have. */
function unpack(parts: Uint8Array[], most: number): Promise<string> {
  const packed = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.byteLength;
  }
  return gunzip(packed, most);
}

/** By gzip: a tenth or less, in parts of which 2.0 of Mosquitto sends any number at once. */
async function fetchPacked(ask: Ask): Promise<string> {
  const parts = await fetchParts(ask, PARTS, fromBase64, (piece) => piece.byteLength);
  try {
    return await unpack(parts, CONTRACT_MAX);
  } catch (error) {
    throw error instanceof RangeError ? tooLarge() : new CommandError("The broker's contract can't be unpacked.", "malformed");
  }
}

async function fetchPlain(ask: Ask): Promise<string> {
  const encoder = new TextEncoder();
  return (await fetchParts(ask, 1, (text) => text, (piece) => encoder.encode(piece).byteLength)).join("");
}

/**
 * The contract as JSON text, put together from its parts. Starts over where a reload came between;
 * waits where the broker is busy, of which @onBusy hears.
 */
export async function fetchContract(connection: Connection, onBusy?: () => void): Promise<string> {
  const asking = (encoding: Record<string, unknown>): Ask => (members, count) => patiently(() => connection.commandParts<ContractPart>("contract",
    count > 1 ? { ...members, ...encoding, parts: count } : { ...members, ...encoding },
    (came) => came.length >= count || came.at(-1)?.next === null), BUSY_TIMES, onBusy);
  let isPacked = canGunzip();
  for (let changed = 0; ;) {
    try {
      return await (isPacked ? fetchPacked(asking({ encoding: "gzip" })) : fetchPlain(asking({})));
    } catch (error) {
      const { code } = error as CommandError;
      // A plugin that is older than the page knows no encodings.
      if (isPacked && error instanceof CommandError && code === undefined) isPacked = false;
      else if (code !== "changed" || ++changed > CHANGED_TIMES) throw error;
    }
  }
}

// ---- answers that may be large -----------------------------------------------------------------

/** Commands whose answers the plugin compresses where it is asked to. */
const PACKED = new Set(["history", "listEntities", "getEntity", "listEvents", "listRefusals", "countRefusals"]);
const ANSWER_MAX = 1024 * 1024; // bytes of an answer's data; the plugin's bound is lower
const LOST_TIMES = 2;

/** Those whose plugin is older than the page and knows no encodings. */
const plainOnly = new WeakSet<Connection>();

interface DataPart { size: number; offset: number; next: number | null; encoding: "gzip"; text: string }

const isPart = (data: unknown): data is DataPart => (data as DataPart | null)?.encoding === "gzip";

/** The data in @parts; null: some of them are missing. */
async function joinData(parts: DataPart[]): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let at = 0;
  try {
    for (const { offset, next, text } of parts) {
      const piece = fromBase64(text);
      if (offset !== at) return null;
      at += piece.byteLength;
      if (next !== null && next !== at) throw new Error("out of order");
      pieces.push(piece);
    }
    if (parts.at(-1)?.next !== null) return null;
    return JSON.parse(await unpack(pieces, ANSWER_MAX)) as unknown;
  } catch {
    throw new CommandError("The broker's answer can't be unpacked.", "malformed");
  }
}

async function askPacked<T>(connection: Connection, command: string, members: Record<string, unknown>): Promise<T> {
  for (let times = 0; times < LOST_TIMES; times++) {
    const came = await connection.commandParts<unknown>(command, { ...members, encoding: "gzip" },
      (parts) => !isPart(parts.at(-1)) || (parts.at(-1) as DataPart).next === null);
    if (!isPart(came[0])) return came[0] as T; // it is small
    const data = await joinData(came as DataPart[]);
    if (data !== null) return data as T;
  }
  throw new CommandError(`The broker's answer to "${command}" did not arrive whole.`, "no-answer");
}

/**
 * As connection.command(). What may be large comes compressed, in parts of which 2.0 of Mosquitto
 * sends any number at once by websockets, and of larger messages 4 KiB ten times a second.
 */
export async function ask<T>(connection: Connection, command: string, members: Record<string, unknown> = {}): Promise<T> {
  if (!PACKED.has(command) || !canGunzip() || plainOnly.has(connection)) return connection.command<T>(command, members);
  try {
    return await askPacked<T>(connection, command, members);
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== undefined) throw error;
    const data = await connection.command<T>(command, members); // it fails as well where it was not the encoding
    plainOnly.add(connection);
    return data;
  }
}

export interface Event {
  seq: number;
  topic: string;
  publisher: string;
  client_id: string;
  received_at: string;
  payload: string;
  cut?: boolean;
  qos?: number;
  retain?: number | boolean;
  overruled?: number;
  message?: string | null;
  [column: string]: unknown;
}

export interface Page<Row> { rows: Row[]; next: string | null }

const KINDS_PAGES = 64; // a contract has no more kinds

/** All kinds of entities: where they are more than an answer takes, page by page. An older plugin says no "next". */
export async function allKinds(fetch: (members: Record<string, unknown>) => Promise<KindsPage>): Promise<{ entities: EntityKind[] }> {
  const entities: EntityKind[] = [];
  let after: string | null | undefined;
  for (let pages = 0; pages < KINDS_PAGES && after !== null; pages++) {
    const page: KindsPage = await fetch(after ? { after } : {});
    entities.push(...page.entities);
    after = page.next ?? null;
  }
  return { entities };
}

export interface KindsPage { entities: EntityKind[]; next?: string | null }

export interface EntityKind {
  entity: string;
  table: string;
  columns: { name: string; type: string }[];
  statuses: Record<string, string[]>;
  channels: string[];
  machines: Record<string, string>;
  counts?: Record<string, number>;
  cut?: boolean; // there are more channels
}

export interface EntityRow { id: string; owner: string | null; revision: number; created_at: string; updated_at: string; [column: string]: unknown }

export interface RefusalRow {
  decision_id: string;
  time: string;
  reason: string;
  action: string;
  topic: string;
  principal: string;
  client_id: string;
  detail?: string | null;
  [column: string]: unknown;
}

export interface CountRow { value: string; count: number; first: string; last: string }

export interface History { step: number; from: number; names: string[]; values: (number | null)[][]; next?: string | null }
