// The broker: what runs, what is in force, and the commands that change it.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { may, refresh, whoami } from "../app/session";
import type { Group, Mode } from "../broker/commands";
import type { CommandError } from "../broker/command-error";
import { Badge, Note, Scroll, Time } from "../ui/basics";
import { Confirm } from "../ui/confirm";
import { ask, explainError, Failure, Needs, useAnswer } from "./ask";
import { Explain } from "./explain";
import { numbers } from "./live";
import { lasting } from "./series";
import type { Status } from "./types";

const ROUND_MS = 15_000;

type Modes = Record<Group, { mode: Mode; forced: boolean }>;

export const useStatus = () => useAnswer<Status>("status", {}, ROUND_MS);

/** Since when it runs, ms; null: not told. */
export const startOf = (): number | null => numbers.started.value;

export function Broker(): JSX.Element {
  return (
    <div class="two-wide">
      <div>
        <Running />
        <ModesInForce />
        <Reload />
        <Brokers />
      </div>
      <div>
        <Explain />
        <Counters />
      </div>
    </div>
  );
}

function Running(): JSX.Element {
  const { data: status, error } = useStatus();
  const who = whoami.value;
  const start = startOf();
  return (
    <section class="panel" aria-labelledby="running-title">
      <h2 id="running-title">What runs</h2>
      <Failure error={error} />
      <dl class="pairs">
        {who?.broker.name ? <><dt>Broker</dt><dd>{who.broker.name}</dd></> : null}
        <dt>Mosquitto</dt><dd>{status?.broker ?? who?.broker.version ?? "not known"}</dd>
        <dt>Plugin</dt><dd>{status?.version ?? who?.broker.plugin ?? "not known"}{status ? `, reads payloads with ${status.parser}` : ""}</dd>
        {start ? <><dt>Running for</dt><dd>{lasting((Date.now() - start) / 1000)}, since <Time at={start} /></dd></> : null}
        {who ? <><dt>Contract</dt><dd>{who.contract.title} {who.contract.version}, {who.contract.channels} channels in {who.contract.documents === 1 ? "one document" : `${who.contract.documents} documents`}</dd>
          <dt>In force since</dt><dd><Time at={who.contract.loaded} /></dd>
          {who.contract.digest ? <><dt>Digest</dt><dd><code>{who.contract.digest.slice(0, 16)}</code></dd></> : null}</> : null}
        {status ? <><dt>Sessions known</dt><dd>{status.sessions}, gone ones included</dd></> : null}
      </dl>
      <Needs command="status" to="see more of it" />
    </section>
  );
}

const GROUPS: { id: Group; label: string; what: string }[] = [
  { id: "permission", label: "Permission", what: "who may do what" },
  { id: "schema", label: "Schema", what: "what payloads look like" },
  { id: "transition", label: "Transition", what: "which status may follow which" },
  { id: "limits", label: "Limits", what: "how much one may send" },
];
const MODES: { id: Mode; tone: "good" | "warn" | "bad"; means: string }[] = [
  { id: "enforce", tone: "good", means: "enforced: what breaks it is refused" },
  { id: "observe", tone: "warn", means: "only observed: what breaks it is let through and reported" },
  { id: "off", tone: "bad", means: "off: it is not checked" },
];

function ModesInForce(): JSX.Element {
  const [wanted, want] = useState<{ group: Group; mode: Mode } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [said, say] = useState<{ tone: "good" | "bad"; text: string } | null>(null);
  const [changed, setChanged] = useState<Modes | null>(null);
  const modes = changed ?? whoami.value?.modes;
  const change = async ({ group, mode }: { group: Group; mode: Mode }) => {
    setBusy(true);
    try {
      setChanged(await ask<Modes>("mode", { group, mode }));
      say({ tone: "good", text: `${group} is ${MODES.find(({ id }) => id === mode)!.means}, until the next reload.` });
      void refresh().then(() => setChanged(null));
    } catch (error) {
      say({ tone: "bad", text: explainError(error as CommandError) });
    }
    setBusy(false);
    want(null);
  };
  return (
    <section class="panel" aria-labelledby="modes-title">
      <h2 id="modes-title">What is enforced</h2>
      <Scroll label="Modes">
        <table>
          <thead><tr><th scope="col">Group</th><th scope="col">Mode</th>{may("mode") ? <th scope="col">Change until the next reload</th> : null}</tr></thead>
          <tbody>
            {GROUPS.map(({ id, label, what }) => {
              const { mode, forced } = modes?.[id] ?? { mode: "enforce" as Mode, forced: false };
              const means = MODES.find((it) => it.id === mode)!;
              return (
                <tr key={id}>
                  <th scope="row">{label}<br /><span class="muted plain">{what}</span></th>
                  <td><Badge tone={means.tone}>{mode}</Badge> {forced ? <Badge tone="warn">forced by a command</Badge> : null}<br /><span class="muted">{means.means}</span></td>
                  {may("mode") ? (
                    <td>
                      {id === "permission" ? <span class="muted">only the contract says who may do what</span> : (
                        <select aria-label={`Mode of ${label}`} value={mode}
                          onChange={(event) => {
                            const value = event.currentTarget.value as Mode;
                            event.currentTarget.value = mode; // until it is so
                            want({ group: id, mode: value });
                          }}>
                          {MODES.map((it) => <option key={it.id}>{it.id}</option>)}
                        </select>
                      )}
                    </td>
                  ) : null}
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      <div role="status">{said ? <Note tone={said.tone}>{said.text}</Note> : null}</div>
      <Needs command="mode" to="change a mode" />
      {wanted ? (
        <Confirm title={`Set ${wanted.group} to ${wanted.mode}?`} label={`Set it to ${wanted.mode}`} isBusy={isBusy} onYes={() => void change(wanted)} onNo={() => want(null)}>
          <p>
            It counts for all clients of this broker at once, and until the next reload.{" "}
            {wanted.mode === "enforce" ? "What breaks the contract will be refused." : "The broker will take messages that break the contract; what they change stays."}
          </p>
        </Confirm>
      ) : null}
    </section>
  );
}

function Reload(): JSX.Element {
  const [isAsked, setAsked] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [answer, set] = useState<{ status: Status } | { errors: string[] } | null>(null);
  const said = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (answer) said.current?.scrollIntoView({ block: "nearest" });
  }, [answer]);
  const reload = async () => {
    setBusy(true);
    try {
      set({ status: await ask<Status>("reload") });
      void refresh();
    } catch (error) {
      const { code, message } = error as CommandError;
      // The plugin's own words, line by line; what is not the plugin's is one sentence.
      set({ errors: code ? [explainError(error as CommandError)] : message.split("\n").filter(Boolean) });
    }
    setBusy(false);
    setAsked(false);
  };
  return (
    <section class="panel" aria-labelledby="reload-title">
      <h2 id="reload-title">Reload</h2>
      <p>Reads the contract, the accounts, passwords and settings again. If anything is wrong with them, nothing changes and it says what.</p>
      <Needs command="reload" to="reload" />
      {may("reload") ? <button type="button" disabled={isBusy} onClick={() => setAsked(true)}>{isBusy ? "Reloading…" : "Reload"}</button> : null}
      <div role="status" ref={said}>
        {answer && "status" in answer ? <Note tone="good">Reloaded: {answer.status.contract} {answer.status.contractVersion}, {answer.status.channels} channels.</Note> : null}
        {answer && "errors" in answer ? (
          <>
            <Note tone="bad">The reload failed, and what was in force still is.</Note>
            <pre tabIndex={0} aria-label="What the plugin says">{answer.errors.join("\n")}</pre>
          </>
        ) : null}
      </div>
      {isAsked ? (
        <Confirm title="Reload now?" label="Reload" isBusy={isBusy} onYes={() => void reload()} onNo={() => setAsked(false)}>
          <p>Modes that a command has forced end; clients whose account was taken away are disconnected.</p>
        </Confirm>
      ) : null}
    </section>
  );
}

/** Where several brokers share a database. */
function Brokers(): JSX.Element | null {
  const last = (name: string) => numbers.rows.last(`brokers/${name}`);
  const known = last("known");
  if (known === null) return null;
  const alive = last("alive") ?? 0;
  return (
    <section class="panel" aria-labelledby="brokers-title">
      <h2 id="brokers-title">Brokers of the shared database</h2>
      <p>
        <Badge tone={alive < known ? "bad" : "good"}>{alive} of {known} there</Badge>{" "}
        {alive < known ? "The others have not said that they are there for a while; petstorectl brokers names them." : ""}
      </p>
      <dl class="pairs">
        <dt>Overruled steps</dt><dd>{last("overruled") ?? 0}</dd>
        <dt>This one's delay</dt><dd>{lasting(last("lag") ?? 0)}</dd>
      </dl>
    </section>
  );
}

function Counters(): JSX.Element | null {
  const [isOpen, setOpen] = useState(false);
  const { data, error, again, isAsking } = useAnswer<Record<string, string>>("counters", isOpen ? {} : null);
  return (
    <section class="panel" aria-labelledby="counters-title">
      <h2 id="counters-title">Counters</h2>
      <Needs command="counters" to="see all counters at once" />
      {may("counters") ? (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>As they are now, by their topic below <code>$SYS/broker/petstore/</code></summary>
          <Failure error={error} />
          {data ? (
            <>
              <button type="button" disabled={isAsking} onClick={again}>Ask again</button>
              <Scroll label="Counters">
                <table>
                  <tbody>{Object.entries(data).map(([name, value]) => <tr key={name}><th scope="row"><code>{name}</code></th><td>{value}</td></tr>)}</tbody>
                </table>
              </Scroll>
            </>
          ) : null}
        </details>
      ) : null}
    </section>
  );
}

