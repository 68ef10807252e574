// The way that an entity took through its state machine, out of its events.
import type { Event } from "../broker/commands";
import { at as pointAt, type Json, type JsonObject } from "../contract/document";
import { channelOf, type Contract } from "../contract/model";

export interface Stop { status: string; time: string; seq: number; publisher: string; isOverruled: boolean }

function json(payload: string): Json | undefined {
  try {
    return JSON.parse(payload) as Json;
  } catch {
    return undefined; // no JSON, or cut
  }
}

/** What the event says of the entity's @column; null: nothing. */
export function valueOf(contract: Contract, event: Event, column: string): string | null {
  const pointer = channelOf(contract, event.topic)?.channel.entity?.columns[column];
  if (pointer === undefined) return null;
  const document = json(event.payload);
  if (typeof document !== "object" || document === null) return null;
  const value = pointAt({ root: document as JsonObject }, pointer);
  return typeof value === "string" ? value : null;
}

/** The statuses one after the other. The same status again is no stop of its own; what was overruled is one that does not count. */
export function wayOf(contract: Contract, events: Event[], column: string): Stop[] {
  const way: Stop[] = [];
  let current: string | null = null;
  for (const event of events) {
    const status = valueOf(contract, event, column);
    const isOverruled = Boolean(event.overruled);
    if (status === null || (status === current && !isOverruled)) continue;
    way.push({ status, time: event.received_at, seq: event.seq, publisher: event.publisher, isOverruled });
    if (!isOverruled) current = status;
  }
  return way;
}

/** The steps of the way, as the diagram names them: from, or nothing, and to. */
export function stepsOf(way: Stop[]): [string | null, string][] {
  const stops = way.filter(({ isOverruled }) => !isOverruled);
  return stops.map(({ status }, i) => [i > 0 ? stops[i - 1].status : null, status]);
}
