// One message that came: its payload as people read it, its properties, what the contract says of
// it, and the difference to the one before on its topic.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { contract } from "../app/session";
import { checkReceived, type Verdict } from "../contract/check";
import { brief, sentence } from "../contract/validate";
import { Badge, Copy, Tabs, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { differenceOf } from "./diff";
import * as draft from "./draft";
import type { Got } from "./inbox";
import { hexOf, prettyOf, sizeInWords, textOf } from "./payload";

const SHOWN_MAX = 32 * 1024; // characters that are shown at first
const HEX_MAX = 4 * 1024; // bytes, at first
const PRETTY_MAX = 2 * 1024 * 1024;
const HEX_ALL_MAX = 256 * 1024;

const verdicts = new WeakMap<Got, { api: unknown; verdict: Verdict }>();

export function verdictOf(got: Got): Verdict | null {
  const api = contract.value;
  if (!api) return null;
  const known = verdicts.get(got);
  if (known?.api === api) return known.verdict;
  const verdict = checkReceived(api, got.topic, got.payload);
  verdicts.set(got, { api, verdict });
  return verdict;
}

export function VerdictBadge({ got }: { got: Got }): JSX.Element | null {
  const verdict = verdictOf(got);
  if (!verdict) return null;
  if (!verdict.channel) return <Badge>no channel</Badge>;
  if (!verdict.isChecked) return null;
  if (verdict.unsure && verdict.faults.length === 0) return <Badge tone="warn">not checked</Badge>;
  return verdict.faults.length === 0 ? <Badge tone="good">fits</Badge>
    : <Badge tone="bad">{verdict.faults.length === 1 ? "1 fault" : `${verdict.faults.length} faults`}</Badge>;
}

function save(got: Got): void {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([got.payload as BlobPart]));
  link.href = url;
  link.download = `${got.topic.replace(/[^\w.-]+/g, "_").slice(-80)}-${got.n}${textOf(got.payload) === null ? ".bin" : prettyOf(textOf(got.payload)!) === null ? ".txt" : ".json"}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function Shown({ whole, max, onAll, unit }: { whole: string; max: number; onAll: (() => void) | null; unit: string }): JSX.Element {
  const isCut = whole.length > max;
  return (
    <>
      <pre class="payload-text" tabIndex={0} aria-label="Payload">{isCut ? whole.slice(0, max) : whole}</pre>
      {isCut || onAll ? <p class="hint">{unit} {onAll ? <button type="button" class="small" onClick={onAll}>Show all</button> : null}</p> : null}
    </>
  );
}

function PayloadView({ got, as }: { got: Got; as: string }): JSX.Element {
  const [isAll, showAll] = useState<Got | null>(null);
  const all = isAll === got;
  const text = textOf(got.payload);
  if (got.payload.length === 0) return <p class="muted">No payload{got.retain ? "" : ": on a topic with a retained message this deletes it"}.</p>;
  if (text === null || as === "hex") {
    const max = all ? HEX_ALL_MAX : HEX_MAX;
    const isCut = got.payload.length > max;
    return <Shown whole={hexOf(got.payload, max)} max={Infinity} onAll={isCut && !all ? () => showAll(got) : null}
      unit={isCut ? `The first ${sizeInWords(max)} of ${sizeInWords(got.payload.length)}. Save it to see the rest.` : ""} />;
  }
  const whole = as === "pretty" && text.length <= PRETTY_MAX ? prettyOf(all ? text : text.length > SHOWN_MAX * 4 ? "" : text) ?? text : text;
  const max = all ? Infinity : SHOWN_MAX;
  return <Shown whole={whole} max={max} onAll={whole.length > max ? () => showAll(got) : null}
    unit={whole.length > max ? `The first ${SHOWN_MAX / 1024} KiB of ${sizeInWords(got.payload.length)}.` : ""} />;
}

export function Difference({ from, to }: { from: Got; to: Got }): JSX.Element {
  const found = differenceOf(textOf(from.payload), textOf(to.payload), [from.payload.length, to.payload.length]);
  if (found.as === "same") return <p class="muted">The same as the one before.</p>;
  if (found.as === "bytes") return <p>{sizeInWords(found.from)} before, {sizeInWords(found.to)} now; too long to compare, or no text.</p>;
  if (found.as === "json")
    return (
      <table class="diff">
        <thead><tr><th>Member</th><th>Before</th><th>Now</th></tr></thead>
        <tbody>
          {found.changes.map((change) => (
            <tr key={change.at} class={change.kind}>
              <td><code>{change.at || "(all)"}</code></td>
              <td>{change.kind === "added" ? <span class="muted">none</span> : <del>{brief(change.from)}</del>}</td>
              <td>{change.kind === "removed" ? <span class="muted">none</span> : <ins>{brief(change.to)}</ins>}</td>
            </tr>
          ))}
          {found.isCut ? <tr><td colSpan={3}>and more</td></tr> : null}
        </tbody>
      </table>
    );
  return (
    <pre class="payload-text" tabIndex={0} aria-label="Difference">
      {found.lines.map(({ kind, text }, i) => kind === "same" ? <span key={i}>{`  ${text}\n`}</span>
        : kind === "added" ? <ins key={i}>{`+ ${text}\n`}</ins> : <del key={i}>{`- ${text}\n`}</del>)}
    </pre>
  );
}

function PropertiesTable({ got }: { got: Got }): JSX.Element | null {
  const rows: [string, string][] = [];
  for (const [name, value] of Object.entries(got.properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (name === "userProperties")
      for (const [key, one] of Object.entries(value as Record<string, string | string[]>))
        for (const it of Array.isArray(one) ? one : [one]) rows.push([key, it]);
    else if (value instanceof Uint8Array) rows.push([name, textOf(value) ?? hexOf(value, 64)]);
    else rows.push([name, String(value)]);
  }
  if (rows.length === 0) return null;
  return <dl class="properties-list">{rows.map(([name, value], i) => <div key={i}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export function MessageView({ got }: { got: Got }): JSX.Element {
  const text = textOf(got.payload);
  const [wanted, want] = useState("pretty");
  const tabs = [
    ...(text !== null ? [{ id: "pretty", label: "Payload" }, { id: "text", label: "As it came" }] : []),
    { id: "hex", label: "Hex" },
    ...(got.before ? [{ id: "diff", label: "Difference" }] : []),
  ];
  const as = tabs.some(({ id }) => id === wanted) ? wanted : tabs[0].id;
  const verdict = verdictOf(got);
  return (
    <article class="message" aria-label={`Message on ${got.topic}`}>
      <header>
        <code class="grow">{got.topic}</code>
        <Copy text={got.topic} label="Copy the topic" word="topic" />
        <Copy text={() => text ?? hexOf(got.payload, HEX_ALL_MAX)} label="Copy the payload" word="payload" />
        <button type="button" class="small" onClick={() => save(got)}>Save</button>
        {text !== null ? (
          <button type="button" class="small" title="Put it into Publish, to change and send it"
            onClick={() => draft.prepare({ topic: got.topic, payload: text, qos: got.qos, retain: got.retain })}>Edit</button>
        ) : null}
      </header>
      <p class="facts">
        <Time at={got.at} /> <span>QoS {got.qos}</span> <span>{sizeInWords(got.payload.length)}</span>
        {got.retain ? <Badge tone="accent">retained</Badge> : null} {got.dup ? <Badge tone="warn">duplicate</Badge> : null}
        {got.via ? <Badge>second connection</Badge> : null} <VerdictBadge got={got} />
        {verdict?.message && verdict.isChecked ? <span>{verdict.message.title}</span> : null}
      </p>
      {verdict?.unsure ? <p class="hint">{verdict.unsure}</p> : null}
      {verdict && verdict.faults.length > 0 ? (
        <ul class="faults" aria-label="What the contract says against it">
          {verdict.faults.slice(0, 10).map((fault) => <li key={fault.field + fault.code}><Icon name="warn" /> {sentence(fault)}</li>)}
        </ul>
      ) : null}
      <Tabs tabs={tabs} active={as} onPick={want} label="Payload as" />
      {as === "diff" && got.before ? <Difference from={got.before} to={got} /> : <PayloadView got={got} as={as} />}
      <PropertiesTable got={got} />
    </article>
  );
}
