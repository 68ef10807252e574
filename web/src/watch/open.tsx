// One refusal, with all that is known of it.
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { href, route } from "../app/route";
import { contract, may } from "../app/session";
import { tryLink } from "../app/trylink";
import type { Page, RefusalRow } from "../broker/commands";
import { channelOf } from "../contract/model";
import { reasonOf } from "../contract/reference";
import { Badge, Copy, Empty, IconButton, Time } from "../ui/basics";
import { Failure, sentence, useAnswer } from "./ask";
import { fromRow, join, placeOf, timeOfId, type Refusal } from "./refusal";
import { Prose } from "./prose";
import { bytes } from "./series";
import { to } from "./where";

export function OpenRefusal({ id, known, close }: { id: string; known: Refusal | null; close: string }): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), [id]);
  const refusal = useWhole(id, known);
  return (
    <aside class="panel opened" aria-labelledby="open-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") location.hash = close;
      }}>
      <div class="row">
        <h2 id="open-title" ref={title} tabIndex={-1}>Refusal</h2>
        <span class="open-close"><IconButton icon="close" label="Close the refusal" onClick={() => (location.hash = close)} /></span>
      </div>
      {refusal.found ? <Whole refusal={refusal.found} />
        : refusal.error ? <Failure error={refusal.error} />
        : <Empty>{refusal.isAsking ? "Looking it up…" : "It is not among those that are kept, or that came since this page was opened."}</Empty>}
    </aside>
  );
}

/** The row, which has the payload, where only the notice is known; and both where neither is. */
function useWhole(id: string, known: Refusal | null): { found: Refusal | null; error: ReturnType<typeof useAnswer>["error"]; isAsking: boolean } {
  const time = timeOfId(id);
  const isAsked = time !== null && may("listRefusals") && (!known || known.document !== null);
  const members = useMemo(() => (isAsked
    ? {
      since: new Date(time! - 1).toISOString(), until: new Date(time! + 1_000).toISOString(), limit: 100,
      ...(known?.client ? { client: known.client } : {}),
    } : null), [id, isAsked]);
  const answer = useAnswer<Page<RefusalRow>>("listRefusals", members);
  const row = answer.data?.rows.find(({ decision_id }) => decision_id === id);
  if (!row) return { found: known, error: known ? null : answer.error, isAsking: answer.isAsking };
  return { found: known ? join(known, fromRow(row)) : fromRow(row), error: null, isAsking: false };
}

function Whole({ refusal }: { refusal: Refusal }): JSX.Element {
  const reason = reasonOf(refusal.reason);
  const found = contract.value && channelOf(contract.value, refusal.topic);
  const entity = found?.channel.entity;
  const isPublish = refusal.action === "publish" || refusal.action === "will";
  return (
    <>
      <p class="open-head">
        <Badge tone={refusal.isObserved ? "warn" : "bad"}>{refusal.reason}</Badge> <strong>{sentence(reason.title)}</strong>
        {refusal.isObserved ? " It was let through: this is only observed." : ""}
        {refusal.isClosed ? " It was not acknowledged, and the client was disconnected." : ""}
      </p>
      {refusal.detail && refusal.detail !== reason.title ? <p class="open-detail">{sentence(refusal.detail)}</p> : null}
      {reason.todo ? <p><strong>What to do:</strong> <Prose text={sentence(reason.todo)} /></p> : null}
      <div class="row open-links">
        {found && isPublish ? <a class="button" href={tryLink({
          topic: refusal.topic, payload: refusal.payload ?? undefined,
          qos: (refusal.qos ?? undefined) as 0 | 1 | 2 | undefined, retain: refusal.isRetained ?? undefined,
        })}>Try it</a> : null}
        {found ? <a class="button" href={href(["read", "channel", found.channel.id])}>Read about {found.channel.title}</a> : null}
        {entity && found.values[entity.id]
          ? <a class="button" href={to("entities", entity.entity, found.values[entity.id])}>{entity.entity} {found.values[entity.id]}</a> : null}
      </div>
      <dl class="pairs">
        <dt>When</dt><dd><Time at={refusal.time} /></dd>
        <dt>What</dt><dd>{refusal.action}{refusal.qos === null ? "" : `, QoS ${refusal.qos}`}{refusal.isRetained ? ", retained" : ""}</dd>
        {refusal.topic ? <><dt>Topic</dt><dd><code>{refusal.topic}</code> <Copy text={refusal.topic} label="Copy the topic" /></dd></> : null}
        <dt>User</dt><dd>{refusal.principal ? <a href={filterBy("principal", refusal.principal)}>{refusal.principal}</a> : "none"}</dd>
        <dt>Client</dt><dd>{refusal.client ? <a href={filterBy("client", refusal.client)}>{refusal.client}</a> : "none"}{refusal.address ? ` from ${refusal.address}` : ""}</dd>
        {refusal.current ? <><dt>Current status</dt><dd><code>{refusal.current}</code></dd></> : null}
        {refusal.message ? <><dt>Message</dt><dd>{refusal.message}</dd></> : null}
        <dt>Decision</dt><dd><code>{refusal.id}</code> <Copy text={refusal.id} label="Copy the id" /></dd>
      </dl>
      <Faults refusal={refusal} />
      <Payload refusal={refusal} />
      {refusal.document ? (
        <details>
          <summary>Problem document</summary>
          <pre tabIndex={0} aria-label="Problem document">{JSON.stringify(refusal.document, null, 2)}</pre>
        </details>
      ) : null}
    </>
  );
}

const filterBy = (name: string, value: string): string => {
  const params = Object.fromEntries(route.value.params);
  return href(["watch", "refusals"], { ...params, [name]: value });
};

function Faults({ refusal }: { refusal: Refusal }): JSX.Element | null {
  if (refusal.faults.length === 0) return null;
  return (
    <>
      <h3>{refusal.faults.length === 1 ? "What is wrong" : `${refusal.faults.length} faults`}</h3>
      <ul class="wrongs">
        {refusal.faults.map(({ field, code, message }, i) => (
          <li key={i}>
            <code>{field || "(the whole)"}</code> {code ? <Badge>{code}</Badge> : null} {sentence(message)}
          </li>
        ))}
      </ul>
    </>
  );
}

const PIECE_MAX = 4_096;

/** The payload, with the first fault's place marked. */
function Payload({ refusal }: { refusal: Refusal }): JSX.Element | null {
  const { payload, payloadBytes } = refusal;
  if (payload === null) return refusal.action === "publish" && refusal.document && !may("listRefusals")
    ? <p class="muted">The payload is kept with the refusal; to see it takes the scope <code>control:listRefusals</code>.</p> : null;
  const shown = payload.slice(0, PIECE_MAX);
  const place = refusal.faults.length > 0 ? placeOf(shown, refusal.faults[0].field) : null;
  const [from, until] = place && refusal.faults[0].field ? place : [0, 0];
  const isCut = payloadBytes !== null && new TextEncoder().encode(shown).length < payloadBytes;
  return (
    <>
      <h3 class="row">Payload <span class="muted">{payloadBytes === null ? "" : bytes(payloadBytes)}</span> <Copy text={payload} label="Copy the payload" /></h3>
      <pre class="payload" tabIndex={0} aria-label="Payload">
        {shown.slice(0, from)}{until > from ? <mark>{shown.slice(from, until)}</mark> : null}{shown.slice(Math.max(from, until))}
      </pre>
      {isCut ? <p class="muted">Only the beginning of it is kept.</p> : null}
    </>
  );
}
