// One entity: its row, the way that it took through its states, and its events.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { href } from "../app/route";
import { contract, may } from "../app/session";
import { tryLink } from "../app/trylink";
import type { EntityKind, EntityRow, Event, Page } from "../broker/commands";
import { follow, type Machine } from "../contract/machines";
import { channelOf, topicOf, type Channel } from "../contract/model";
import { Badge, Copy, Empty, Note, Time } from "../ui/basics";
import { Diagram } from "../ui/diagram";
import { Failure, Needs, usePages } from "./ask";
import { stepsOf, wayOf, type Stop } from "./path";
import { to } from "./where";
import { changesOf } from "../contract/changes";
import type { Json } from "../contract/document";

interface EntityPage extends Page<Event> { row: EntityRow; history: Event[] }

export function OneEntity({ kind, entity, id }: { kind: EntityKind | null; entity: string; id: string }): JSX.Element {
  const members = useMemo(() => ({ entity, id }), [entity, id]);
  const pages = usePages<Event, EntityPage>("getEntity", members);
  const row = pages.first?.row ?? null;
  const isNone = pages.error?.code === "not-found";
  return (
    <>
      <p class="crumbs"><a href={to("entities")}>Entities</a> / <a href={to("entities", entity)}>{entity}</a> / <strong>{id}</strong></p>
      <div class="row">
        <h2>{entity} {id}</h2> <Copy text={id} label="Copy the id" />
        <button type="button" onClick={pages.again} disabled={pages.isAsking}>{pages.isAsking ? "Loading…" : "Load anew"}</button>
      </div>
      <Needs command="getEntity" to="see one entity with its history" />
      {isNone ? <Note tone="warn">There is no {entity} with the id {id}, or this account may not read it.</Note> : <Failure error={pages.error} />}
      {!row && pages.isAsking ? <Empty>Asking the broker…</Empty> : null}
      {row ? (
        <div class="entity">
          <Row kind={kind} row={row} />
          <Ways entity={entity} id={id} row={row} events={pages.rows} isWhole={!pages.hasMore} />
          <Events events={pages.rows} row={row} />
          {pages.hasMore ? <button type="button" class="more-rows" disabled={pages.isAsking} onClick={pages.more}>Later events</button> : null}
        </div>
      ) : null}
    </>
  );
}

const TIMES = ["created_at", "updated_at"];

function Row({ kind, row }: { kind: EntityKind | null; row: EntityRow }): JSX.Element {
  const names = Object.keys(row).filter((name) => name !== "id" && row[name] !== null && row[name] !== "");
  return (
    <section class="panel entity-row" aria-labelledby="row-title">
      <h3 id="row-title">As it is now</h3>
      <dl class="pairs">
        {names.map((name) => (
          <div key={name} class="fact">
            <dt>{name}</dt>
            <dd>{TIMES.includes(name) ? <Time at={String(row[name])} /> : kind?.statuses[name] ? <Badge tone="accent">{String(row[name])}</Badge> : String(row[name])}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

interface Way { column: string; machine: Machine; stops: Stop[]; channel: Channel | null }

/** Each column of the entity that has a state machine. */
function waysOf(entity: string, events: Event[]): Way[] {
  const known = contract.value;
  if (!known) return [];
  const columns = new Map<string, string>();
  for (const it of known.entities) if (it.name === entity)
    for (const { name, machine } of it.columns) if (machine) columns.set(name, machine);
  for (const { entity: use } of known.channels) if (use?.entity === entity)
    for (const [column, machine] of Object.entries(use.machines)) columns.set(column, machine);
  return [...columns].flatMap(([column, name]) => {
    const machine = known.machines.find((it) => it.name === name);
    const channel = known.channels.find(({ entity: use }) => use?.entity === entity && use.columns[column] !== undefined) ?? null;
    return machine ? [{ column, machine, channel, stops: wayOf(known, events, column) }] : [];
  });
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

const shortTime = (time: string): string => {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`;
};

function Ways({ entity, id, row, events, isWhole }: { entity: string; id: string; row: EntityRow; events: Event[]; isWhole: boolean }): JSX.Element {
  const ways = useMemo(() => waysOf(entity, events), [entity, events, contract.value]);
  return (
    <div class="ways">
      {ways.filter(({ column, stops }) => stops.length > 0 || row[column]).map((way) => (
        <OneWay key={way.column} way={way} id={id} now={row[way.column] ? String(row[way.column]) : null} isWhole={isWhole} />
      ))}
    </div>
  );
}

function OneWay({ way: { column, machine, stops, channel }, id, now, isWhole }: { way: Way; id: string; now: string | null; isWhole: boolean }): JSX.Element {
  const { times, taken } = useMemo(() => {
    const times = new Map<string, string>();
    // Of a status that it had several times: when it came to it last.
    for (const { status, time, isOverruled } of stops) if (!isOverruled) times.set(status, shortTime(time));
    return { times, taken: stepsOf(stops).map(([from, to]) => ({ from, to })) };
  }, [stops]);
  const next = now === null ? [] : follow(machine, now);
  return (
    <section class="panel way" aria-labelledby={`way-${column}`}>
      <h3 id={`way-${column}`}>{column}: {now ? <Badge tone="accent">{now}</Badge> : null}</h3>
      <Diagram machine={machine} current={now ?? undefined} taken={taken} times={times} />
      <ol class="stops" aria-label={`The way of ${column}`}>
        {stops.map(({ status, time, publisher, seq, isOverruled }, i) => (
          <li key={seq} class={isOverruled ? "stop overruled" : "stop"}>
            <code>{status}</code> <Time at={time} /> <span class="muted">by {publisher || "nobody known"}{wait(stops, i)}</span>
            {isOverruled ? <Badge tone="bad">overruled</Badge> : null}
          </li>
        ))}
      </ol>
      {isWhole ? null : <p class="muted">Later events are not loaded yet.</p>}
      {channel && may("getEntity") ? (
        <p class="row">
          {next.length === 0 ? <span class="muted">{now} is final: nothing may follow.</span> : <span>May follow:</span>}
          {next.map((status) => <a key={status} class="button" href={stepLink(channel, column, id, status)}>{status} in Try</a>)}
        </p>
      ) : null}
    </section>
  );
}

/** How long it was in the status before. */
function wait(stops: Stop[], i: number): string {
  if (i === 0) return "";
  const s = Math.round((Date.parse(stops[i].time) - Date.parse(stops[i - 1].time)) / 1000);
  if (!(s >= 0)) return "";
  return s < 60 ? `, ${s} s later` : s < 3600 ? `, ${Math.round(s / 60)} min later` : s < 172_800 ? `, ${Math.round(s / 3600)} h later` : `, ${Math.round(s / 86_400)} days later`;
}

/** A message for the next step, made of the channel's example. */
function stepLink(channel: Channel, column: string, id: string, status: string): string {
  const parameter = channel.entity!.id;
  const values = { [parameter]: id };
  const pointer = channel.entity!.columns[column];
  const example = channel.messages[0]?.examples[0]?.payload;
  const payload = typeof example === "object" && example !== null && !Array.isArray(example) ? { ...example } : {};
  for (const [name, value] of [[pointer.slice(1), status], [parameter, id]] as const)
    if (name && !name.includes("/")) payload[name] = value;
  for (const [name, value] of Object.entries(payload))
    if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) payload[name] = new Date().toISOString();
  return tryLink({ topic: topicOf(channel.address, values), payload: JSON.stringify(payload, null, 2) });
}

const EVENTS_SHOWN = 300;

function Events({ events, row }: { events: Event[]; row: EntityRow }): JSX.Element {
  const newestFirst = useMemo(() => events.map((event, i) => ({ event, before: lastOf(events, i) })).reverse(), [events]);
  return (
    <section aria-labelledby="events-title" class="entity-events">
      <h3 id="events-title">Events <span class="muted">newest first</span></h3>
      {events.length === 0 ? <Empty>No event of it is kept, or none that this account may read.</Empty> : null}
      <ol class="cards wide" aria-label="Events">
        {newestFirst.slice(0, EVENTS_SHOWN).map(({ event, before }) => <OneEvent key={event.seq} event={event} before={before} row={row} />)}
      </ol>
      {events.length > EVENTS_SHOWN ? <Note>The newest {EVENTS_SHOWN} of those loaded are shown.</Note> : null}
    </section>
  );
}

/** The event before it on the same topic. */
function lastOf(events: Event[], at: number): Event | null {
  for (let i = at - 1; i >= 0; i--) if (events[i].topic === events[at].topic && !events[i].overruled) return events[i];
  return null;
}

function parsed(event: Event | null): Json | undefined {
  try {
    return event ? JSON.parse(event.payload) as Json : undefined;
  } catch {
    return undefined;
  }
}

const short = (value: Json | undefined): string => {
  const text = value === undefined ? "" : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
};

/** What became of a step that did not count. */
function Overruled({ channel, row }: { channel: Channel | null | undefined; row: EntityRow }): JSX.Element {
  const column = Object.keys(channel?.entity?.machines ?? {})[0];
  const stands = column && row[column] ? <> {column} is <code>{String(row[column])}</code>.</> : null;
  return (
    <p class="overruled-why">
      A broker accepted it, but a step that another broker had accepted came first in the database, and counts. This one is kept, and moved nothing:{stands}
      {" "}Its publisher got a notice, with the reason <a href={href(["read", "reasons", "overruled"])}>overruled</a>.
    </p>
  );
}

function OneEvent({ event, before, row }: { event: Event; before: Event | null; row: EntityRow }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const payload = parsed(event);
  const { found: changes, isCut } = before && payload !== undefined ? changesOf(parsed(before), payload) : { found: [], isCut: false };
  const channel = contract.value && channelOf(contract.value, event.topic)?.channel;
  return (
    <li class={event.overruled ? "panel event overruled" : "panel event"}>
      <p class="row">
        <strong>{channel?.title ?? event.topic}</strong> <span class="muted"><Time at={event.received_at} /> by {event.publisher || "nobody known"} <span class="event-client">({event.client_id})</span></span>
        {event.overruled ? <Badge tone="bad">overruled by another broker's step</Badge> : null}
        {event.message ? <Badge>{event.message}</Badge> : null}
        <Badge>event {event.seq}</Badge>
      </p>
      {event.overruled ? <Overruled channel={channel} row={row} /> : null}
      {changes.length > 0 ? (
        <ul class="changes" aria-label="What changed">
          {changes.slice(0, 20).map((change) => (
            <li key={change.at}>
              <code>{change.at || "the whole"}</code>{" "}
              {change.kind === "added" ? <ins>{short(change.to)}</ins> : change.kind === "removed" ? <del>{short(change.from)}</del>
                : <><del>{short(change.from)}</del> <span aria-hidden="true">→</span><span class="offscreen"> became </span> <ins>{short(change.to)}</ins></>}
            </li>
          ))}
          {changes.length > 20 ? <li class="muted">and {isCut ? "at least " : ""}{changes.length - 20} more</li> : null}
        </ul>
      ) : before && payload !== undefined ? <p class="muted">The same payload as before.</p> : null}
      <details open={isOpen || undefined} onToggle={(it) => setOpen(it.currentTarget.open)}>
        <summary>Payload</summary>
        {isOpen ? (
          <>
            <p class="row"><code>{event.topic}</code> <Copy text={event.payload} label="Copy the payload" /> <a href={tryLink({ topic: event.topic, payload: event.payload })}>Use it in Try</a></p>
            <pre tabIndex={0} aria-label="Payload">{payload === undefined ? event.payload : JSON.stringify(payload, null, 2)}</pre>
            {event.cut ? <p class="muted">Cut: the payload is longer.</p> : null}
          </>
        ) : null}
      </details>
    </li>
  );
}
