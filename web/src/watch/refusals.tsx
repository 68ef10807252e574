// Refusals: counted, as they come, and back in time.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { route } from "../app/route";
import { may } from "../app/session";
import type { RefusalRow } from "../broker/commands";
import { reasonOf, reasons } from "../contract/reference";
import { Badge, Empty, IconButton, Note, Time } from "../ui/basics";
import { Failure, Looked, Needs, usePages } from "./ask";
import { Bars } from "./bars";
import { useCounts } from "./counts";
import { LiveBadge, Said } from "./livebadge";
import { forgetRefusals, refusals, type RefusalKey } from "./live";
import { OpenRefusal } from "./open";
import { fits, fromRow, merge, summaryOf, type Filter, type Refusal } from "./refusal";
import { replace, withParams } from "./where";

const RANGES = [
  { id: "15m", label: "15 minutes", ms: 900_000 },
  { id: "1h", label: "1 hour", ms: 3_600_000 },
  { id: "1d", label: "24 hours", ms: 86_400_000 },
  { id: "7d", label: "7 days", ms: 604_800_000 },
  { id: "all", label: "all that is kept", ms: 0 },
];
const KEYS: RefusalKey[] = ["reason", "client", "topic", "principal"];
const COUNTED = 10; // bars
const SHOWN = 100; // rows, and that many more each time
const SHOWN_MAX = 2_000;
const TYPING_MS = 300;

const NUMBER = new Intl.NumberFormat();

/** The start of a range, from when it was chosen: it does not move with each drawing. */
const sinceOf = (range: string): number => {
  const ms = RANGES.find(({ id }) => id === range)?.ms ?? RANGES[1].ms;
  return ms ? Date.now() - ms : 0;
};

/** The parameters of the address as a filter, and as members of commands. */
function useFilter(): { filter: Filter; range: string; members: Record<string, unknown> } {
  const { params } = route.value;
  const range = params.get("since") ?? "1h";
  const since = useMemo(() => sinceOf(range), [range]);
  const take = (name: string) => params.get(name) ?? "";
  const filter: Filter = {
    text: take("text"), reason: take("reason"), client: take("client"), principal: take("principal"), topic: take("topic"), since,
  };
  const members: Record<string, unknown> = {};
  for (const name of ["reason", "client", "principal", "topic"] as const) if (filter[name]) members[name] = filter[name];
  if (since) members.since = new Date(since).toISOString();
  return { filter, range, members };
}

const here = (): string[] => ["watch", "refusals"];

function Filters({ filter, range }: { filter: Filter; range: string }): JSX.Element {
  const [text, setText] = useState(filter.text);
  const [topic, setTopic] = useState(filter.topic);
  useEffect(() => setTopic(filter.topic), [filter.topic]);
  useEffect(() => setText(filter.text), [filter.text]);
  useEffect(() => {
    if (text === filter.text && topic === filter.topic) return;
    const timer = setTimeout(() => replace(withParams(here(), { text, topic })), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, topic]);
  const known = reasons.filter(({ code }) => code !== "allowed");
  const set = (name: string) => (event: { currentTarget: { value: string } }) => replace(withParams(here(), { [name]: event.currentTarget.value }));
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()} role="search" aria-label="Which refusals">
      <label>
        Over
        <select value={range} onChange={set("since")}>{RANGES.map(({ id, label }) => <option key={id} value={id}>{label}</option>)}</select>
      </label>
      <label>
        Reason
        <select value={filter.reason} onChange={set("reason")}>
          <option value="">any</option>
          {filter.reason && !known.some(({ code }) => code === filter.reason) ? <option value={filter.reason}>{filter.reason}</option> : null}
          {known.map(({ code, title }) => <option key={code} value={code} title={title}>{code}</option>)}
        </select>
      </label>
      <label>
        Topic begins with
        <input value={topic} spellcheck={false} placeholder="orders/" onInput={(event) => setTopic(event.currentTarget.value)} />
      </label>
      <label>
        Text
        <input type="search" value={text} spellcheck={false} placeholder="anywhere in it" onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <Chosen name="client" value={filter.client} />
      <Chosen name="principal" value={filter.principal} />
    </form>
  );
}

function Chosen({ name, value }: { name: string; value: string }): JSX.Element | null {
  if (!value) return null;
  return (
    <span class="one-only">
      {name} <code>{value}</code>
      <IconButton icon="close" label={`Any ${name}`} onClick={() => replace(withParams(here(), { [name]: "" }))} />
    </span>
  );
}

function Counted({ filter }: { filter: Filter }): JSX.Element {
  const [key, setKey] = useState<RefusalKey>("reason");
  const { counts, total: max, answer } = useCounts(key, filter.since, COUNTED);
  return (
    <section class="panel counted" aria-labelledby="counted-title">
      <div class="row">
        <h2 id="counted-title">Counted by</h2>
        <span class="segments" role="group" aria-label="Counted by">
          {KEYS.map((it) => <button key={it} type="button" aria-pressed={it === key} onClick={() => setKey(it)}>{it}</button>)}
        </span>
      </div>
      <Needs command="countRefusals" to="count what the database keeps" />
      <Failure error={answer.error} />
      {answer.isAsking && !answer.data ? <Empty>Counting…</Empty> : (
        <Bars label={`Refusals by ${key}`} none="Nothing was refused in that time."
          bars={counts.map(({ value, count }) => ({
            key: value,
            count,
            label: value ? <code>{value}</code> : <em>none</em>,
            title: key === "reason" ? reasonOf(value).title : `${NUMBER.format(count)} of ${NUMBER.format(max)}`,
            href: value ? withParams(here(), { [key]: filter[key] === value ? "" : value }) : undefined,
            isOn: filter[key] === value && value !== "",
          }))} />
      )}
    </section>
  );
}

function Row({ refusal, isOpen }: { refusal: Refusal; isOpen: boolean }): JSX.Element {
  return (
    <li>
      <a class="refusal-row" href={withParams(["watch", "refusals", refusal.id], {})} aria-current={isOpen ? "true" : undefined}>
        <span class="refusal-time"><Time at={refusal.time} /></span>
        <span class="refusal-reason"><Badge tone={refusal.isObserved ? "warn" : "bad"}>{refusal.reason}</Badge></span>
        <span class="refusal-topic mono">{refusal.topic || refusal.action}</span>
        <span class="refusal-who">{refusal.client || refusal.principal || refusal.address}</span>
        <span class="refusal-detail">{refusal.isObserved ? "only observed: " : ""}{summaryOf(refusal)}</span>
      </a>
    </li>
  );
}

export function Refusals(): JSX.Element {
  const { filter, range, members } = useFilter();
  const [frozen, setFrozen] = useState<{ rows: Refusal[]; total: number } | null>(null);
  const [shown, setShown] = useState(SHOWN);
  const pages = usePages<RefusalRow>("listRefusals", members);
  const total = refusals.total.value;
  const came = frozen?.rows ?? refusals.rows.value;
  const fetched = useMemo(() => pages.rows.map(fromRow), [pages.rows]);
  const all = useMemo(() => merge(came.filter((it) => fits(it, filter)), fetched.filter((it) => fits(it, filter))),
    [came, fetched, JSON.stringify(filter)]);
  const openId = route.value.path[2] ?? "";
  const open = openId ? all.find(({ id }) => id === openId) ?? null : null;
  const feed = refusals.feed.value;
  const isFlood = refusals.isFlood.value && frozen === null;
  if (feed === "no" && !may("listRefusals") && !may("countRefusals"))
    return <Note>To see refusals takes the scope that the contract has for reading <code>refusals/…</code>, and <code>control:listRefusals</code> for those that are kept; this account has neither.</Note>;
  const more = () => {
    setShown((it) => Math.min(it + SHOWN, SHOWN_MAX));
    if (all.length < shown + SHOWN) pages.more();
  };
  const isFull = shown >= SHOWN_MAX && all.length > shown;
  return (
    <>
      <Filters filter={filter} range={range} />
      <div class={`refusals ${openId ? "has-open" : ""}`}>
        <Counted filter={filter} />
        <section class="panel stream" aria-labelledby="stream-title">
          <div class="row">
            <h2 id="stream-title">One by one</h2>
            <LiveState isFrozen={frozen !== null} />
            <span class="row stream-buttons">
              {feed === "on" ? (
                <button type="button" aria-pressed={frozen !== null}
                  onClick={() => setFrozen(frozen ? null : { rows: refusals.rows.value, total })}>
                  {frozen ? `Go on${total > frozen.total ? ` (${NUMBER.format(total - frozen.total)} new)` : ""}` : "Pause"}
                </button>
              ) : null}
              <button type="button" disabled={pages.isAsking} onClick={() => {
                forgetRefusals();
                setFrozen(null);
                setShown(SHOWN);
                pages.again();
              }}>Load anew</button>
            </span>
          </div>
          <Needs command="listRefusals" to="go back to refusals that are kept" />
          <Failure error={pages.error} />
          {refusals.dropped.value > 0 ? <Note>More came than this page keeps: {NUMBER.format(refusals.dropped.value)} older ones are not in the list. Load it anew to page through them.</Note> : null}
          {all.length === 0 && !pages.isAsking ? <Empty>Nothing that fits was refused.</Empty> : null}
          <ol class="stream-rows" aria-label="Refusals, newest first">
            {/* In a flood rows are drawn where others were: to make new ones costs several times as much. */}
            {all.slice(0, shown).map((refusal, i) => <Row key={isFlood ? i : refusal.id} refusal={refusal} isOpen={refusal.id === openId} />)}
          </ol>
          <Looked pages={pages} />
          {isFull ? <Note>{NUMBER.format(SHOWN_MAX)} are shown: narrow them down to see others.</Note>
            : all.length > shown || pages.hasMore
              ? <button type="button" class="more-rows" disabled={pages.isAsking} onClick={more}>{pages.isAsking ? "Loading…" : "Earlier ones"}</button>
              : null}
        </section>
        {openId ? <OpenRefusal id={openId} known={open} close={withParams(here(), {})} /> : null}
      </div>
    </>
  );
}

function LiveState({ isFrozen }: { isFrozen: boolean }): JSX.Element {
  const total = refusals.total.value;
  const feed = refusals.feed.value;
  if (feed !== "on")
    return <span class="muted">{feed === "asked" ? "Subscribing…" : "Not live: this account may not read refusals/#."}</span>;
  return (
    <>
      <LiveBadge isFrozen={isFrozen} />
      <span class="muted">
        {NUMBER.format(total)} since <Time at={refusals.since.value} />
        {refusals.heldBack.value > 0 ? `, ${NUMBER.format(refusals.heldBack.value)} of them told in sums${may("listRefusals") ? ": load anew to see each" : ""}` : ""}
      </span>
      <Said total={total} what={(count) => `${count} refusals came`} />
    </>
  );
}
