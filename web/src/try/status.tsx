// Where the channel has a state machine: the status that stands, and the steps that may follow.
import { computed, effect, signal } from "@preact/signals";
import type { JSX } from "preact";
import { contract } from "../app/session";
import { ask, type EntityRow } from "../broker/commands";
import type { Channel } from "../contract/model";
import { readJson } from "../contract/jsontext";
import type { Machine } from "../contract/machines";
import { valueAt } from "../contract/validate";
import { Badge } from "../ui/basics";
import { sent } from "./answers";
import * as draft from "./draft";
import { setAt } from "./edit";
import { isOn, line, who } from "./line";
import { notOffered, offeredSteps, stepTrouble, type Offered } from "./steps";

type Known = { is: "asking" } | { is: "row"; row: EntityRow; of: string } | { is: "new"; of: string } | { is: "unknown"; why: string };
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
    ask<{ row: EntityRow }>(line, "getEntity", { entity, id, limit: 1 }).then(
      ({ row }) => ours === round && (known.value = row ? { is: "row", row, of: id } : { is: "new", of: id }),
      (error: { code?: string; message: string }) => ours === round
        && (known.value = error.code === "not-found" ? { is: "new", of: id } : { is: "unknown", why: error.message.replace(/\.$/, "") }));
  }, ASK_MS);
});

const machineOf = (at: Channel, name: string): Machine | undefined =>
  contract.value?.machines.find((it) => it.name === name && it.document === at.document);

/** Why the payload's step would be refused, as far as is known here; null: nothing is against it. */
export const stepAgainst = computed<string | null>(() => {
  const at = draft.channel.value;
  const now = known.value;
  if (!at?.entity || draft.form.value !== "json" || (now.is !== "row" && now.is !== "new")) return null;
  if (now.of !== draft.channelValues.value[at.entity.id]) return null;
  const { value } = readJson(draft.text.value);
  if (value === undefined) return null;
  for (const [column, name] of Object.entries(at.entity.machines)) {
    const machine = machineOf(at, name);
    const status = now.is === "row" ? String(now.row[column] ?? "") || null : null;
    const trouble = machine && stepTrouble(machine, status, valueAt(value, at.entity.columns[column]), who.value);
    if (trouble) return trouble;
  }
  return null;
});

/** What the account may take, as buttons; the others as words, with what is in the way. */
function Steps({ steps, verb, onPick }: { steps: Offered[]; verb: string; onPick: (to: string) => void }): JSX.Element {
  const free = steps.filter(({ mayNot }) => mayNot === null);
  return (
    <>
      {free.length > 0 ? <span class="muted">{verb}</span> : null}
      {free.map(({ to }) => <button key={to} type="button" class="small" onClick={() => onPick(to)}>{to}</button>)}
      {notOffered(steps).map(({ to, why }) => (
        <span key={why} class="muted not-offered">{free.length > 0 ? to.join(", ") : `${verb} ${to.join(", ")}`}: not by this account, {why}.</span>
      ))}
    </>
  );
}

function OneMachine({ at, column, machine }: { at: Channel; column: string; machine: Machine }): JSX.Element {
  const pointer = at.entity!.columns[column];
  const now = known.value;
  const status = now.is === "row" ? String(now.row[column] ?? "") || null : null;
  const id = draft.channelValues.value[at.entity!.id] ?? "";
  const steps = now.is === "row" || now.is === "new" ? offeredSteps(machine, status, who.value, at, id, now.is === "row" ? now.row : null) : [];
  const pick = (to: string) => (draft.text.value = setAt(draft.text.value, pointer, to));
  return (
    <div class="status-line" role="group" aria-label={`Status: ${column}`}>
      {now.is === "row" ? <><span>{at.entity!.entity} is</span> <Badge tone="accent">{status ?? "without a status"}</Badge></>
        : now.is === "new" ? <span>This {at.entity!.entity} is not known yet.</span>
        : now.is === "asking" ? <span class="muted">Which status stands?</span>
        : <span class="muted">The status that stands is not known here: {now.why}.</span>}
      {steps.length > 0 ? <Steps steps={steps} verb={status === null ? "It begins as" : "may become"} onPick={pick} />
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
        const machine = machineOf(at, name);
        return machine ? <OneMachine key={column} at={at} column={column} machine={machine} /> : null;
      })}
    </div>
  );
}
