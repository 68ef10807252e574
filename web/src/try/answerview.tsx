// What the broker answered, in words; and the log of what was sent.
import type { JSX } from "preact";
import { href } from "../app/route";
import { Badge, Copy, Prose, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { adviceFor } from "./advice";
import { codeInWords, sent, type Notice, type Sent } from "./answers";
import * as draft from "./draft";

/** @reason: the faults, or the notice's own sentence. */
function Reasons({ notice, reason }: { notice: Notice; reason: JSX.Element }): JSX.Element {
  const advice = adviceFor(notice);
  return (
    <>
      {reason}
      {advice ? <p><Prose text={advice} /></p> : null}
      <p class="facts">
        <span>reason <code>{notice.reason}</code></span>
        {notice.currentStatus ? <span>status now <code>{notice.currentStatus}</code></span> : null}
        {notice.messageName ? <span>nearest message <code>{notice.messageName}</code></span> : null}
        {notice.decisionId ? <span>decision <code>{notice.decisionId}</code></span> : null}
      </p>
    </>
  );
}

export function AnswerView({ it, reason }: { it: Sent; reason: JSX.Element }): JSX.Element {
  const { answer } = it;
  switch (answer.is) {
    case "queued":
      return <div class="verdict"><h3>Waits until the one before it on this topic is answered…</h3></div>;
    case "waiting":
      return <div class="verdict"><h3>Sent; waiting for the broker…</h3></div>;
    case "accepted":
      return (
        <div class="verdict good">
          <h3><Icon name="check" /> Accepted{answer.notice?.observed ? ", though the contract is against it (only observed)" : ""}</h3>
          {answer.event ? (
            <p>
              Event <code>{String(answer.event.seq)}</code> <Copy text={String(answer.event.seq)} label="Copy the event's id" /> kept at <Time at={answer.event.received_at} />
            </p>
          ) : null}
          {answer.note ? <p>{answer.note}</p> : null}
          {answer.notice ? <Reasons notice={answer.notice} reason={reason} /> : null}
        </div>
      );
    case "refused":
      return (
        <div class="verdict bad">
          <h3><Icon name="ban" /> Refused{answer.notice ? `: ${answer.notice.title}` : ""}</h3>
          {answer.notice ? <Reasons notice={answer.notice} reason={reason} />
            : <p>The broker says “{codeInWords(answer.code)}”, and gave no notice of why.</p>}
        </div>
      );
    default:
      return <div class="verdict warn"><h3>No answer</h3><p>{answer.why}</p></div>;
  }
}

function Word({ it }: { it: Sent }): JSX.Element {
  const { answer } = it;
  if (answer.is === "accepted") return <Badge tone="good">{answer.event ? `event ${answer.event.seq}` : "accepted"}</Badge>;
  if (answer.is === "refused") return <Badge tone="bad">{answer.notice?.reason ?? "refused"}</Badge>;
  if (answer.is === "queued" || answer.is === "waiting") return <Badge>{answer.is === "queued" ? "in the queue" : "waiting"}</Badge>;
  return <Badge tone="warn">no answer</Badge>;
}

export function SentLog({ onAgain }: { onAgain: (it: Sent) => void }): JSX.Element | null {
  const all = sent.value;
  if (all.length === 0) return null;
  return (
    <details class="sent" open={all.length > 1}>
      <summary>Sent ({all.length}{all.length >= 100 ? ", the last 100" : ""})</summary>
      <ul>
        {all.slice(0, 100).map((it) => (
          <li key={it.n}>
            <Time at={it.at} /> <code class="grow">{it.topic}</code> <span class="muted">QoS {it.qos}</span> <Word it={it} />
            <button type="button" class="small" onClick={() => onAgain(it)} aria-label={`Send again to ${it.topic}`}>Again</button>
            {it.text !== null ? (
              <button type="button" class="small" aria-label={`Edit what was sent to ${it.topic}`} onClick={() => {
                draft.prepare({ topic: it.topic, payload: it.text ?? "", qos: it.qos, retain: it.retain, properties: it.properties });
                location.hash = href(["try"]);
              }}>Edit</button>
            ) : null}
          </li>
        ))}
      </ul>
    </details>
  );
}
