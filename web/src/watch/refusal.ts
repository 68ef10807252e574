// A refusal as the views speak of it: out of a notice that came, or of a row of the table.
import type { RefusalRow } from "../broker/commands";
import { sentence } from "../contract/validate";

export interface Fault { field: string; code: string; message: string }

export interface Refusal {
  id: string; // "": of a notice that says how many were held back
  time: number; // ms
  reason: string;
  action: string;
  topic: string;
  principal: string;
  client: string;
  detail: string;
  faults: Fault[]; // the first is what the detail is about
  current: string; // the status that stands, "": not about one
  message: string; // of several messages of the channel: which one
  qos: number | null;
  isRetained: boolean | null; // null: not told
  isObserved: boolean; // let through, only reported
  isClosed: boolean; // not acknowledged, and the client was disconnected
  address: string;
  payload: string | null; // null: not told, or nothing of it was kept
  payloadBytes: number | null;
  heldBack: number; // refusals that this notice stands for, 0: it is one
  document: unknown; // the problem document, where it came as a notice
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The principal and the client of "refusals/<principal>/<client>". */
export function whoOf(topic: string): { principal: string; client: string } {
  const [, principal = "", client = ""] = topic.split("/").map((level) => {
    try {
      return decodeURIComponent(level);
    } catch {
      return level;
    }
  });
  return { principal, client };
}

/** Null: it is no problem document. */
export function fromNotice(topic: string, payload: string, now: number): Refusal | null {
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(payload) as Record<string, unknown>;
  } catch {
    return null;
  }
  if (typeof document !== "object" || document === null || typeof document.reason !== "string") return null;
  const time = Date.parse(text(document.time));
  return {
    ...whoOf(topic),
    id: text(document.decisionId),
    time: Number.isNaN(time) ? now : time,
    reason: document.reason,
    action: "publish",
    topic: text(document.topic),
    detail: text(document.detail),
    faults: (Array.isArray(document.errors) ? document.errors : []).map((raw: Record<string, unknown> | null) => ({
      field: text(raw?.field), code: text(raw?.code), message: text(raw?.message),
    })),
    current: text(document.currentStatus),
    message: text(document.messageName),
    qos: typeof document.qos === "number" ? document.qos : null,
    isRetained: null,
    isObserved: document.observed === true,
    isClosed: document.closed === true,
    address: "",
    payload: null,
    payloadBytes: null,
    heldBack: typeof document.heldBack === "number" ? document.heldBack : 0,
    document,
  };
}

export function fromRow(row: RefusalRow): Refusal {
  const pointer = text(row.pointer);
  const keyword = text(row.keyword);
  const message = text(row.message) || text(row.detail);
  return {
    id: row.decision_id,
    time: Date.parse(row.time),
    reason: row.reason,
    action: row.action,
    topic: row.topic,
    principal: row.principal,
    client: row.client_id,
    detail: message,
    faults: pointer || keyword ? [{ field: pointer, code: keyword, message }] : [],
    current: text(row.standing),
    message: text(row.message_name),
    qos: typeof row.qos === "number" ? row.qos : null,
    isRetained: row.retained === undefined ? null : Boolean(row.retained),
    isObserved: Boolean(row.observed),
    isClosed: Boolean(row.closed),
    address: text(row.address),
    payload: typeof row.payload === "string" ? row.payload : null,
    payloadBytes: typeof row.payload_bytes === "number" ? row.payload_bytes : null,
    heldBack: 0,
    document: null,
  };
}

/** In one line, with the member that it is about: the broker's sentence may begin with "is" or "lacks". */
export const summaryOf = ({ detail, faults: [fault] }: Refusal): string => (fault?.message === detail ? sentence(fault) : detail);

/** What both know of the same refusal: the notice has all faults, the row has the payload. */
export function join(one: Refusal, other: Refusal): Refusal {
  const [notice, row] = one.document ? [one, other] : [other, one];
  return {
    ...row,
    faults: notice.faults.length > 0 ? notice.faults : row.faults,
    detail: notice.detail || row.detail,
    document: notice.document,
  };
}

export interface Filter { text: string; reason: string; client: string; principal: string; topic: string; since: number }

export function fits(refusal: Refusal, filter: Filter): boolean {
  return refusal.time >= filter.since
    && (!filter.reason || refusal.reason === filter.reason)
    && (!filter.client || refusal.client === filter.client)
    && (!filter.principal || refusal.principal === filter.principal)
    && (!filter.topic || refusal.topic.startsWith(filter.topic))
    && hasText(refusal, filter.text.toLowerCase());
}

const hasText = (refusal: Refusal, wanted: string): boolean => !wanted
  || [refusal.reason, refusal.topic, refusal.principal, refusal.client, refusal.detail, refusal.id, refusal.payload ?? ""]
    .some((at) => at.toLowerCase().includes(wanted));

/** Those that came and those of the table in one list, newest first, each once. */
export function merge(came: Refusal[], kept: Refusal[]): Refusal[] {
  const known = new Map(kept.map((it) => [it.id, it]));
  const both = new Map<string, Refusal>();
  const alone: Refusal[] = [];
  for (const it of came) {
    const row = it.id ? known.get(it.id) : undefined;
    if (row) both.set(it.id, join(it, row));
    else alone.push(it);
  }
  const rest = kept.map((it) => both.get(it.id) ?? it);
  return [...alone, ...rest].sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1));
}

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** When a refusal was, out of its id, ms; null: it is no such id (report/decisionid.h). */
export function timeOfId(id: string): number | null {
  if (id.length !== 16) return null;
  let bits = 0n;
  for (const digit of id) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return null;
    bits = bits << 5n | BigInt(value);
  }
  return Number(bits >> 32n);
}

/** The place that a JSON Pointer leads to in @payload: from and to which character; null: none. */
export function placeOf(payload: string, pointer: string): [number, number] | null {
  const wanted = pointer.split("/").slice(1).map((step) => step.replace(/~1/g, "/").replace(/~0/g, "~"));
  let at = 0;
  const space = () => {
    while (/\s/.test(payload[at] ?? "")) at++;
  };
  const string = (): string => {
    const from = at++;
    while (at < payload.length && payload[at] !== '"') at += payload[at] === "\\" ? 2 : 1;
    at++;
    return JSON.parse(payload.slice(from, at)) as string;
  };
  /** Reads a value; @depth: how many steps of @wanted lead here, -1: not on the way. */
  const value = (depth: number): [number, number] | null => {
    space();
    const from = at;
    let found: [number, number] | null = null;
    const open = payload[at];
    if (open === "{" || open === "[") {
      at++;
      for (let index = 0; ; index++) {
        space();
        if (at >= payload.length) throw new Error("cut");
        if (payload[at] === "}" || payload[at] === "]") break;
        if (payload[at] === ",") {
          at++;
          space();
        }
        let name = String(index);
        if (open === "{") {
          name = string();
          space();
          at++; // ":"
        }
        const inner = value(depth >= 0 && wanted[depth] === name ? depth + 1 : -1);
        found ??= inner;
      }
      at++;
    } else if (open === '"') {
      string();
    } else {
      const end = /[,\]}\s]|$/.exec(payload.slice(at))!;
      at += Math.max(1, end.index);
    }
    return depth === wanted.length ? [from, at] : found;
  };
  try {
    return value(0);
  } catch {
    return null; // no JSON, or cut
  }
}
