// The connection that Try makes: who it is, and what else MQTT lets one try with it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { contract, whoami } from "../app/session";
import { mayNothing } from "../contract/check";
import { Note } from "../ui/basics";
import { PhaseBadge } from "../ui/phase";
import { connectLine, cutLine, disconnectLine, hearsRefusals, isOn, line, lineNote, lineTrouble, settings, type Settings } from "./line";

function Will({ now, set }: { now: Settings; set: (change: Partial<Settings>) => void }): JSX.Element {
  return (
    <fieldset class="box">
      <legend>Last will</legend>
      <label class="tick"><input type="checkbox" name="has-will" checked={now.hasWill} onChange={(event) => set({ hasWill: event.currentTarget.checked })} /> The broker publishes it when this connection breaks</label>
      {now.hasWill ? (
        <div class="fields">
          <label>Will topic<input name="will-topic" value={now.willTopic} required spellcheck={false} onInput={(event) => set({ willTopic: event.currentTarget.value })} /></label>
          <label>Will payload<textarea name="will-payload" rows={2} value={now.willPayload} spellcheck={false} onInput={(event) => set({ willPayload: event.currentTarget.value })} /></label>
          <label>Will QoS
            <select value={String(now.willQos)} onChange={(event) => set({ willQos: Number(event.currentTarget.value) as 0 | 1 | 2 })}>
              {[0, 1, 2].map((it) => <option key={it} value={it}>{it}</option>)}
            </select>
          </label>
          <label class="tick"><input type="checkbox" checked={now.willRetain} onChange={(event) => set({ willRetain: event.currentTarget.checked })} /> Will is retained</label>
        </div>
      ) : null}
    </fieldset>
  );
}

export function Session(): JSX.Element {
  const [now, setNow] = useState<Settings>(settings.value);
  const draft = now.clientId ? now : { ...now, clientId: settings.value.clientId };
  const set = (change: Partial<Settings>) => setNow({ ...draft, ...change });
  return (
    <section class="panel session" aria-labelledby="session-title">
      <div class="row">
        <h2 id="session-title">Connection</h2>
        <span role="status"><PhaseBadge phase={line.phase.value} /></span>
        <code class="grow" title="its client id">{settings.value.clientId || "…"}</code>
        {isOn.value || line.phase.value.is === "waiting"
          ? <><button type="button" class="small" onClick={disconnectLine}>Disconnect</button>
            <button type="button" class="small" onClick={cutLine} title="Drops the connection without DISCONNECT: the broker sends the last will">Cut off</button></>
          : <button type="button" class="small" onClick={() => void connectLine()}>Connect</button>}
      </div>
      {lineTrouble.value ? <Note tone="bad">{lineTrouble.value}</Note> : null}
      {lineNote.value ? <Note tone="accent">{lineNote.value}</Note> : null}
      {whoami.value?.scopes.length === 0 && whoami.value.own.length === 0 && contract.value && mayNothing(contract.value) ? <Note tone="warn">This account has no right to a topic: the broker refuses what it publishes, and gives it nothing to receive but why. You can try, and see the refusals.</Note> : null}
      {hearsRefusals.value === false && isOn.value ? <p class="hint">The contract has no topic of notices for this account, so a refusal comes without its reasons.</p> : null}
      <details>
        <summary>Client id, session, last will</summary>
        <form onSubmit={(event) => {
          event.preventDefault();
          settings.value = draft;
          void connectLine();
        }}>
          <div class="fields">
            <label>Client id<input name="try-client-id" value={draft.clientId} spellcheck={false} autocomplete="off" onInput={(event) => setNow({ ...draft, clientId: event.currentTarget.value })} /></label>
            <label>Keep alive, s<input name="keepalive" type="number" min="0" max="65535" value={draft.keepalive} onInput={(event) => set({ keepalive: Number(event.currentTarget.value) })} /></label>
            <label>The session outlives the connection for, s
              <input name="session-expiry" type="number" min="0" max="4294967295" value={draft.expiry} onInput={(event) => set({ expiry: Number(event.currentTarget.value) })} /></label>
            <label class="tick"><input type="checkbox" name="clean" checked={draft.clean} onChange={(event) => set({ clean: event.currentTarget.checked })} /> Clean start: forget a session that is there</label>
          </div>
          <Will now={draft} set={set} />
          <button class="primary">{isOn.value ? "Connect anew with these" : "Connect"}</button>
        </form>
      </details>
    </section>
  );
}
