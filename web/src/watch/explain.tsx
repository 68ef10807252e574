// Would this message be allowed, for which user? The broker decides, and does nothing.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { may, whoami } from "../app/session";
import { tryLink } from "../app/trylink";
import type { CommandError } from "../broker/command-error";
import { reasonOf } from "../contract/reference";
import { Note } from "../ui/basics";
import { ask, explainError, Needs, sentence } from "./ask";
import { Prose } from "./prose";
import type { Explanation } from "./types";

interface Question { action: "publish" | "subscribe"; topic: string; username: string; clientId: string; payload: string; qos: 0 | 1 | 2; retain: boolean }

export function Explain(): JSX.Element {
  const [question, set] = useState<Question>({
    action: "publish", topic: "", username: whoami.value?.principal ?? "", clientId: "", payload: "", qos: 1, retain: false,
  });
  const [answer, setAnswer] = useState<{ of: Question; is: Explanation } | { error: string } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const change = (part: Partial<Question>) => set({ ...question, ...part });
  const isPublish = question.action === "publish";
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const { action, topic, username, clientId, payload, qos, retain } = question;
    try {
      const is = await ask<Explanation>("explain", {
        action, topic, ...(username ? { username } : {}), ...(clientId ? { clientId } : {}),
        ...(isPublish ? { payload, qos, retain } : { qos }),
      });
      setAnswer({ of: question, is });
    } catch (error) {
      setAnswer({ error: explainError(error as CommandError) });
    }
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="explain-title">
      <h2 id="explain-title">Would this be allowed?</h2>
      {may("explain") ? (
        <>
          <p class="muted">The broker decides as it would if that user did this now. Nothing is published.</p>
          <form class="explain" onSubmit={(event) => void submit(event)}>
            <label>
              User
              <input name="explain-user" value={question.username} spellcheck={false} autocomplete="off" onInput={(event) => change({ username: event.currentTarget.value })} />
            </label>
            <label>
              Does what
              <select value={question.action} onChange={(event) => change({ action: event.currentTarget.value as Question["action"] })}>
                <option value="publish">publish</option>
                <option value="subscribe">subscribe</option>
              </select>
            </label>
            <label class="whole">
              {isPublish ? "Topic" : "Filter"}
              <input name="explain-topic" required value={question.topic} spellcheck={false} autocomplete="off" placeholder={isPublish ? "orders/ord-1001/status" : "orders/#"}
                onInput={(event) => change({ topic: event.currentTarget.value })} />
            </label>
            {isPublish ? (
              <label class="whole">
                Payload
                <textarea name="explain-payload" rows={4} class="mono" value={question.payload} spellcheck={false} onInput={(event) => change({ payload: event.currentTarget.value })} />
              </label>
            ) : null}
            <label>
              QoS
              <select value={question.qos} onChange={(event) => change({ qos: Number(event.currentTarget.value) as 0 | 1 | 2 })}>
                {[0, 1, 2].map((qos) => <option key={qos}>{qos}</option>)}
              </select>
            </label>
            <label>
              Client id
              <input value={question.clientId} spellcheck={false} autocomplete="off" placeholder="any" onInput={(event) => change({ clientId: event.currentTarget.value })} />
            </label>
            {isPublish ? <label class="check"><input type="checkbox" checked={question.retain} onChange={(event) => change({ retain: event.currentTarget.checked })} /> Retained</label> : null}
            <button class="primary" disabled={isBusy}>{isBusy ? "Asking…" : "Ask the broker"}</button>
          </form>
          <div role="status">
            {answer && "error" in answer ? <Note tone="bad">{answer.error}</Note> : null}
            {answer && "is" in answer ? <Answer of={answer.of} is={answer.is} /> : null}
          </div>
        </>
      ) : <Needs command="explain" to="ask what would be decided" />}
    </section>
  );
}

function Answer({ of, is }: { of: Question; is: Explanation }): JSX.Element {
  const reason = reasonOf(is.reason);
  const who = of.username ? `user ${of.username}` : "somebody without a name";
  return (
    <>
      <Note tone={is.allowed ? (is.observed ? "warn" : "good") : "bad"}>
        {is.allowed && !is.observed ? `Allowed: ${who} may ${of.action} this.`
          : is.allowed ? `Let through, but only because it is observed: ${who} breaks the contract here.`
          : `Refused: ${who} may not ${of.action} this.`}
      </Note>
      <dl class="pairs">
        {is.reason === "allowed" ? null : <><dt>Reason</dt><dd><code>{is.reason}</code>: {sentence(reason.title)}</dd></>}
        {is.message ? <><dt>Detail</dt><dd>{is.field ? <><code>{is.field}</code> </> : null}{sentence(is.message)}</dd></> : null}
        {is.reason !== "allowed" && reason.todo ? <><dt>What to do</dt><dd><Prose text={sentence(reason.todo)} /></dd></> : null}
        {is.channel ? <><dt>Channel</dt><dd>{is.channel}</dd></> : null}
        {is.messageName ? <><dt>Message</dt><dd>{is.messageName}</dd></> : null}
        {is.currentStatus ? <><dt>Current status</dt><dd><code>{is.currentStatus}</code></dd></> : null}
      </dl>
      {of.action === "publish" ? <a href={tryLink({ topic: of.topic, payload: of.payload, qos: of.qos, retain: of.retain })}>Take it to Try</a> : null}
    </>
  );
}
