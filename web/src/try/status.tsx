// Where the channel has a state machine: the status that stands, and the steps that may follow.
import { effect, signal } from "@preact/signals";
import type { JSX } from "preact";
import { contract } from "../app/session";
import type { EntityRow } from "../broker/commands";
import type { Channel } from "../contract/model";
import type { Machine, Step } from "../contract/machines";
import { Badge } from "../ui/basics";
import { sent } from "./answers";
import * as draft from "./draft";
import { setAt } from "./edit";
import { isOn, line, who } from "./line";

type Known = { is: "asking" } | { is: "row"; row: EntityRow } | { is: "new" } | { is: "unknown"; why: string };
const known = signal<Known>({ is: "asking" });
const ASK_MS = 350; // after the last key

let timer = 0;
let round = 0;
effect(() => {
  const at = draft.channel.value;
  const id = at?.entity ? draft.channelValues.value[at.entity.id] ?? "" : "";
  const isAnswered = sent.value[0]?.answer.is; // looked up anew after each answer
  clearTimeout(timer);
  if (!at?.entity || !id || !isOn.value || isAnswered === "waiting") return;
  if (who.value && !who.value.commands.includes("getEntity")) {
    known.value = { is: "unknown", why: "the account lacks control:getEntity" };
    return;
  }
  const { entity } = at.entity;
  const ours = ++round;
  timer = window.setTimeout(() => {
    line.command<{ row: EntityRow }>("getEntity", { entity, id, limit: 1 }).then(
      ({ row }) => ours === round && (known.value = row ? { is: "row", row } : { is: "new" }),
      (error: { code?: string; message: string }) => ours === round
        && (known.value = error.code === "not-found" ? { is: "new" } : { is: "unknown", why: error.message.replace(/\.$/, "") }));
  }, ASK_MS);
});

function holds(scope: string | null): boolean {
  return scope === null || !who.value || who.value.scopes.includes(scope) || who.value.own.includes(scope);
}

function Steps({ steps, onPick }: { steps: Step[]; onPick: (to: string) => void }): JSX.Element {
  return (
    <>
      {steps.map(({ to, scope }) => (
        <button key={to} type="button" class="small" onClick={() => onPick(to)} title={scope ? `needs ${scope}` : undefined}>
          {to}{holds(scope) ? "" : " (not you)"}
        </button>
      ))}
    </>
  );
}

function OneMachine({ at, column, machine }: { at: Channel; column: string; machine: Machine }): JSX.Element {
  const pointer = at.entity!.columns[column];
  const now = known.value;
  const status = now.is === "row" ? String(now.row[column] ?? "") || null : null;
  const steps = now.is === "row" || now.is === "new" ? machine.steps.filter(({ from }) => from === status) : [];
  const pick = (to: string) => (draft.text.value = setAt(draft.text.value, pointer, to));
  return (
    <div class="status-line" role="group" aria-label={`Status: ${column}`}>
      {now.is === "row" ? <><span>{at.entity!.entity} is</span> <Badge tone="accent">{status ?? "without a status"}</Badge></>
        : now.is === "new" ? <span>This {at.entity!.entity} is not known yet.</span>
        : now.is === "asking" ? <span class="muted">Which status stands?</span>
        : <span class="muted">The status that stands is not known here: {now.why}.</span>}
      {steps.length > 0 ? <><span class="muted">{status === null ? "It begins as" : "may become"}</span> <Steps steps={steps} onPick={pick} /></>
        : now.is === "row" ? <span class="muted">which is final.</span> : null}
    </div>
  );
}

export function Status(): JSX.Element | null {
  const at = draft.channel.value;
  if (!at?.entity || Object.keys(at.entity.machines).length === 0) return null;
  return (
    <div class="statuses">
      {Object.entries(at.entity.machines).map(([column, name]) => {
        const machine = contract.value?.machines.find((it) => it.name === name && it.document === at.document);
        return machine ? <OneMachine key={column} at={at} column={column} machine={machine} /> : null;
      })}
    </div>
  );
}
