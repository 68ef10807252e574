// Subscribe: to filters, and what arrives, as a list and by topic.
import { computed, effect, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { contract } from "../app/session";
import { payloadMax } from "../contract/check";
import { REASON } from "../broker/words";
import { Badge, Empty, IconButton, Note, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { treeRows, type Got, type Node } from "./inbox";
import { accounts, arrivals, clearInbox, filterFor, inbox, isOn, isPaused, noticesTopic, subscribe, subscriptions, unsubscribe, who, type Subscription } from "./line";
import { MessageView, VerdictBadge } from "./message";
import { headOf, searchable, sizeInWords } from "./payload";
import { Virtual } from "./virtual";

const ROW = 2.27; // rem: it grows with the text
const rowHeight = (): number => Math.round(ROW * parseFloat(getComputedStyle(document.documentElement).fontSize));
const PREVIEW = 160; // characters of a payload in a row

const shownAs = signal<"list" | "topics">("list");
const wantedText = signal("");
const open = signal<Set<string>>(new Set());
const selected = signal<Got | null>(null);
const selectedTopic = signal<string | null>(null);

// Who signs in as another finds nothing of the one before.
effect(() => {
  if (accounts.value >= 0) selected.value = selectedTopic.value = null;
});

const LARGE = 100_000; // bytes

/** Mosquitto 2.0 gives a websocket 4 KiB at each turn of its loop, and there are ten turns a second. */
const isSlow = computed(() => {
  const api = contract.value;
  return who.value?.broker.version === "2.0" && api !== null && api.channels.some((at) => at.may?.receive !== "no" && payloadMax(api, at) >= LARGE);
});

function filterFault(filter: string): string | null {
  if (filter === "") return "Which topics?";
  const levels = filter.split("/");
  if (levels.some((it, i) => it.includes("#") && (it !== "#" || i !== levels.length - 1))) return "# stands alone, as the last level.";
  if (levels.some((it) => it.includes("+") && it !== "+")) return "+ stands for a whole level.";
  return null;
}

function Form(): JSX.Element {
  const [filter, setFilter] = useState("");
  const [qos, setQos] = useState<0 | 1 | 2>(1);
  const [noLocal, setNoLocal] = useState(false);
  const [asPublished, setAsPublished] = useState(false);
  const [handling, setHandling] = useState<0 | 1 | 2>(0);
  const [group, setGroup] = useState("");
  const [why, setWhy] = useState<string | null>(null);
  const [startsOpen] = useState(subscriptions.value.length === 0); // from then on it is the reader's
  const api = contract.value;
  const picks = useMemo(() => [
    ...(api?.channels ?? []).filter(({ may, operations }) => (may ? may.receive !== "no" : operations.some(({ action }) => action === "receive")))
      .map((it) => ({ filter: filterFor(it), title: it.title, own: it.may?.receive === "own" }))
      .filter(({ filter }) => filter !== noticesTopic.value),
    ...(noticesTopic.value ? [{ filter: noticesTopic.value, title: "Refusals of what I send here", own: true }] : []),
  ], [api, noticesTopic.value, who.value]);
  const submit = (wanted: string) => {
    const fault = filterFault(wanted);
    setWhy(fault);
    if (fault) return;
    const isShared = group !== "" && !wanted.startsWith("$share/");
    const whole = isShared ? `$share/${group.replace(/[/+#]/g, "")}/${wanted}` : wanted;
    // No local is an error on a shared subscription (MQTT 5, 3.8.3.1).
    void subscribe(whole, { qos, nl: noLocal && !whole.startsWith("$share/"), rap: asPublished, rh: handling }, isShared);
  };
  return (
    <form class="subscribe-form" onSubmit={(event) => {
      event.preventDefault();
      submit(filter.trim());
    }}>
      <div class="row">
        <label class="grow">
          <span class="offscreen">Topic filter</span>
          <input name="filter" value={filter} list="quick-picks" placeholder="Topic filter: orders/+/status or #" spellcheck={false} autocomplete="off"
            autocapitalize="none" aria-invalid={why !== null} onInput={(event) => setFilter(event.currentTarget.value)} />
        </label>
        <datalist id="quick-picks">{picks.slice(0, 500).map((it) => <option key={it.filter} value={it.filter}>{it.title}</option>)}</datalist>
        <select aria-label="QoS at most" class="small" value={String(qos)} onChange={(event) => setQos(Number(event.currentTarget.value) as 0 | 1 | 2)}>
          {[0, 1, 2].map((level) => <option key={level} value={level}>QoS {level}</option>)}
        </select>
        <button class="primary" disabled={!isOn.value}>Subscribe</button>
      </div>
      <div role="status">{why ? <p class="hint fault">{why}</p> : null}</div>
      {picks.length > 0 ? (
        <details class="picks" open={startsOpen}>
          <summary>From the contract</summary>
          <div class="row">
            {picks.slice(0, 24).map((it) => (
              <button key={it.filter} type="button" class="chip" disabled={!isOn.value} title={`${it.title}${it.own ? " (what is yours)" : ""}`}
                onClick={() => submit(it.filter)}><code>{it.filter}</code></button>
            ))}
            {picks.length > 24 ? <span class="muted">and {picks.length - 24} more: the field offers them</span> : null}
          </div>
        </details>
      ) : <p class="hint">The contract gives this account nothing to receive. A filter can be tried all the same.</p>}
      <details class="picks">
        <summary>Options</summary>
        <div class="fields">
          <label class="tick"><input type="checkbox" checked={noLocal} onChange={(event) => setNoLocal(event.currentTarget.checked)} /> No local: not what I publish here</label>
          <label class="tick"><input type="checkbox" checked={asPublished} onChange={(event) => setAsPublished(event.currentTarget.checked)} /> Retain as published</label>
          <label>Retained messages
            <select value={String(handling)} onChange={(event) => setHandling(Number(event.currentTarget.value) as 0 | 1 | 2)}>
              <option value="0">at once</option><option value="1">at once, if the subscription is new</option><option value="2">never</option>
            </select>
          </label>
          <label>Shared by group
            <input value={group} placeholder="none" spellcheck={false} onInput={(event) => setGroup(event.currentTarget.value)} />
          </label>
        </div>
        {group ? <p class="hint">A second connection joins in, so that you see how messages are distributed.</p> : null}
      </details>
    </form>
  );
}

function Chip({ it }: { it: Subscription }): JSX.Element {
  void arrivals.value; // its counts change with what arrives
  const granted = it.state === "refused" ? `refused: ${REASON[it.code] ?? `code ${it.code}`}` : it.state === "asking" ? "asking…" : it.state === "leaving" ? "unsubscribing…"
    : it.code < it.options.qos ? `QoS ${it.code}, less than asked for` : `QoS ${it.code}`;
  return (
    <li class={it.state === "refused" ? "bad" : ""}>
      <code>{it.filter}</code> <span class="muted">{granted}</span>
      {it.isShared && it.state === "on" ? <span title="what the first and the second connection got">{it.counts[0]} : {it.counts[1]}</span> : null}
      <IconButton icon="close" disabled={it.state === "leaving"} label={it.state === "refused" ? `Remove ${it.filter}` : `Unsubscribe from ${it.filter}`} onClick={() => void unsubscribe(it.filter)} />
    </li>
  );
}

const Filters = ({ all }: { all: string[] }): JSX.Element =>
  <>{all.slice(0, 5).map((it, i) => <span key={it}>{i > 0 ? ", " : ""}<code>{it}</code></span>)}{all.length > 5 ? ` and ${all.length - 5} more` : ""}</>;

/** Messages a second, over the last one. */
function useRate(): number {
  const [rate, setRate] = useState(0);
  useEffect(() => {
    let last = inbox.total;
    const timer = setInterval(() => {
      setRate(Math.max(0, inbox.total - last));
      last = inbox.total;
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  return rate;
}

interface Matching { found: Got[]; upTo: number; wanted: string; first: Got | undefined }

/** Those that the text filter lets through, oldest first; looks at what is new only. */
function useMatching(): Got[] | null {
  const kept = useRef<Matching>({ found: [], upTo: 0, wanted: "", first: undefined });
  const wanted = wantedText.value.trim().toLowerCase();
  void arrivals.value;
  if (wanted === "") return null;
  const now = kept.current;
  if (now.wanted !== wanted || inbox.total < now.upTo) kept.current = { found: [], upTo: 0, wanted, first: undefined };
  const at = kept.current;
  const oldest = inbox.at(0)?.n ?? inbox.total + 1;
  for (let i = Math.max(0, at.upTo + 1 - oldest); i < inbox.length; i++) {
    const got = inbox.at(i)!;
    if (fits(got, wanted)) at.found.push(got);
  }
  at.upTo = inbox.total;
  let gone = 0;
  while (gone < at.found.length && at.found[gone].n < oldest) gone++;
  if (gone > 0) at.found.splice(0, gone);
  return at.found;
}

const fits = (got: Got, wanted: string): boolean =>
  got.topic.toLowerCase().includes(wanted) || searchable(got.payload).includes(wanted);

/** Blanks that say nothing take the room of what does. */
const compact = (text: string): string => (/^\s*[{[]/.test(text) ? text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? "") : text.replace(/\s+/g, " "));

function preview(got: Got): string {
  if (got.payload.length === 0) return "(empty)";
  const text = headOf(got.payload, 1024);
  return text === null ? `${sizeInWords(got.payload.length)} of bytes` : compact(text).slice(0, PREVIEW);
}

function List(): JSX.Element {
  const matching = useMatching();
  void arrivals.value;
  const frozen = useRef<number | null>(null); // scrolled away from the top: newer ones wait
  const [, redraw] = useState(0);
  const total = matching ? matching.length : inbox.length;
  const oldest = inbox.at(0)?.n ?? 1;
  const end = frozen.current === null ? total
    : matching ? matching.findLastIndex(({ n }) => n <= frozen.current!) + 1 : Math.max(0, Math.min(total, frozen.current - oldest + 1));
  const at = (index: number): Got => (matching ? matching[end - 1 - index] : inbox.at(end - 1 - index))!;
  const chosen = selected.value;
  let active = -1;
  if (chosen && !matching) active = chosen.n >= oldest ? end - 1 - (chosen.n - oldest) : -1;
  else if (chosen && matching) active = end - 1 - matching.indexOf(chosen);
  if (active >= end || active < 0) active = -1;
  return (
    <>
      {end < total ? <p class="more">{(total - end).toLocaleString()} newer
        <button type="button" class="small" onClick={() => document.getElementById("arrived")?.scrollTo({ top: 0 })}>To the newest</button></p> : null}
      <Virtual id="arrived" as="listbox" label="Messages, the newest first" count={end} rowHeight={rowHeight()} active={active}
        keyOf={(i) => at(i).n} onPick={(i) => (selected.value = at(i))}
        onTop={(isAtTop) => {
          const next = isAtTop ? null : frozen.current ?? inbox.total;
          if (next !== frozen.current) {
            frozen.current = next;
            redraw(inbox.total);
          }
        }}
        row={(i) => {
          const got = at(i);
          return (
            <>
              <Time at={got.at} /> <code class="row-topic">{got.topic}</code> <span class="row-text">{preview(got)}</span>
              {got.retain ? <Badge tone="accent">retained</Badge> : null}{got.via ? <Badge>2nd</Badge> : null}<VerdictBadge got={got} />
            </>
          );
        }} />
    </>
  );
}

function Tree(): JSX.Element {
  void arrivals.value;
  const wanted = wantedText.value.trim().toLowerCase();
  const isOpen = (node: Node) => open.value.has(node.path) || (node.own === 0 && node.children.size === 1);
  const rows = treeRows(inbox.root, isOpen, wanted === "" ? null : (node) => fits(node.last!, wanted));
  const active = rows.findIndex(({ node }) => node.path === selectedTopic.value);
  const toggle = (node: Node, to: boolean) => {
    const next = new Set(open.value);
    if (to) next.add(node.path);
    else next.delete(node.path);
    open.value = next;
  };
  return (
    <Virtual id="topics" as="tree" label="Topics" count={rows.length} rowHeight={rowHeight()} active={active} keyOf={(i) => rows[i].node.path}
      attributes={(i) => ({ "aria-level": rows[i].depth + 1, ...(rows[i].node.children.size > 0 ? { "aria-expanded": rows[i].isOpen } : {}) })}
      onPick={(i) => {
        const { node } = rows[i];
        if (selectedTopic.value === node.path && node.children.size > 0) toggle(node, !open.value.has(node.path));
        selectedTopic.value = node.path;
        selected.value = node.last;
      }}
      onKey={(key, i) => {
        const row = rows[i];
        if (!row || (key !== "ArrowRight" && key !== "ArrowLeft" && key !== "Enter")) return false;
        toggle(row.node, key === "Enter" ? !open.value.has(row.node.path) : key === "ArrowRight");
        return true;
      }}
      row={(i) => {
        const { node, depth, isOpen: isShown } = rows[i];
        return (
          <>
            <span class="indent" style={{ width: `${depth * 1.1}rem` }} />
            <span class="twist">{node.children.size > 0 ? <Icon name={isShown ? "down" : "right"} /> : null}</span>
            <code class="row-level">{node.name || "(empty)"}</code>
            <span class="muted">{node.children.size > 0 ? `${node.count.toLocaleString()} below` : node.own > 1 ? `× ${node.own.toLocaleString()}` : ""}</span>
            <span class="row-text">{node.last ? preview(node.last) : ""}</span>
            {node.last ? <Time at={node.last.at} /> : null}
          </>
        );
      }} />
  );
}

function Chosen(): JSX.Element | null {
  const topic = shownAs.value === "topics" ? selectedTopic.value : null;
  void (topic && arrivals.value);
  const node = topic ? inbox.find(topic) : null;
  const pinned = selected.value;
  // Of a topic the last value, as it changes, unless one of its history was picked.
  const got = node ? (pinned && pinned.topic === node.path && pinned !== node.history[node.history.length - 2] ? pinned : node.last) : pinned;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (selected.value) box.current?.scrollIntoView({ block: "nearest" });
  }, [selected.value]);
  if (!got) return null;
  return (
    <div class="arrival">
      <div ref={box} class="arrival-top" />
      {node && node.history.length > 1 ? (
        <label class="history">
          History of {node.path} ({node.own.toLocaleString()}{node.own > node.history.length ? `, the last ${node.history.length} kept` : ""})
          <select value={String(got.n)} onChange={(event) => {
            selected.value = node.history.find(({ n }) => String(n) === event.currentTarget.value) ?? node.last;
          }}>
            {[...node.history].reverse().map((it) => <option key={it.n} value={it.n}>{new Date(it.at).toLocaleTimeString()}: {preview(it).slice(0, 80)}</option>)}
          </select>
        </label>
      ) : null}
      <MessageView got={got} />
    </div>
  );
}

function Numbers(): JSX.Element {
  void arrivals.value;
  const rate = useRate();
  const { total, length, dropped, bytes, limits, untold } = inbox;
  return (
    <p class="numbers">
      {total.toLocaleString()} received, {rate.toLocaleString()}/s
      {dropped > 0 ? <span title={`At most ${limits.messages.toLocaleString()} messages and ${sizeInWords(limits.bytes)} are kept`}>
        {" "}· the last {length.toLocaleString()} kept ({sizeInWords(bytes)}), {dropped.toLocaleString()} dropped</span> : null}
      {untold > 0 ? ` · ${untold.toLocaleString()} not in the tree: it has its ${limits.topics.toLocaleString()} levels` : ""}
      {isPaused.value ? " · paused: what comes is kept, and shown when you go on" : ""}
    </p>
  );
}

export function Subscribe(): JSX.Element {
  const all = subscriptions.value;
  const [text, setText] = useState(wantedText.value);
  useEffect(() => {
    const timer = setTimeout(() => (wantedText.value = text), 150);
    return () => clearTimeout(timer);
  }, [text]);
  void arrivals.value;
  const refused = all.filter(({ state }) => state === "refused").map(({ filter }) => filter);
  return (
    <section class="panel subscribe" aria-labelledby="subscribe-title">
      <h2 id="subscribe-title">Subscribe</h2>
      <Form />
      {all.length > 0 ? <ul class="chips" aria-label="Subscriptions">{all.map((it) => <Chip key={it.filter} it={it} />)}</ul> : null}
      {refused.length > 0 ? <Note tone="warn">The broker refused <Filters all={refused} />: this account may not receive anything there.</Note> : null}
      {isSlow.value && all.length > 0 ? <p class="hint">Mosquitto 2.0 sends some 40 kB a second over websockets: a message of 1 MB takes about 25 s, and what comes after it waits.</p> : null}
      <div class="bar">
        <div class="segmented" role="group" aria-label="Show as">
          <button type="button" aria-pressed={shownAs.value === "list"} onClick={() => (shownAs.value = "list")}>List</button>
          <button type="button" aria-pressed={shownAs.value === "topics"} onClick={() => (shownAs.value = "topics")}>Topics</button>
        </div>
        <input class="grow" type="search" aria-label="Filter by text" placeholder="Filter by text" value={text} spellcheck={false}
          title="In topics and in the first 16 KiB of payloads" onInput={(event) => setText(event.currentTarget.value)} />
        <IconButton icon={isPaused.value ? "play" : "pause"} label={isPaused.value ? "Go on" : "Pause"} pressed={isPaused.value} onClick={() => {
          isPaused.value = !isPaused.value;
          if (!isPaused.value) arrivals.value++;
        }} />
        <IconButton icon="trash" label="Clear" onClick={() => {
          clearInbox();
          selected.value = selectedTopic.value = null;
        }} />
      </div>
      <Numbers />
      {inbox.length === 0 ? <Empty>{all.length === 0 ? "Subscribe to something; what arrives is shown here." : "Nothing has arrived yet."}</Empty>
        : shownAs.value === "list" ? <List /> : <Tree />}
      <Chosen />
    </section>
  );
}
