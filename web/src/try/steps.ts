// Which steps of a state machine an account may take, as the broker will judge it (plugin/gate/entity_rules.c).
import type { EntityRow, Whoami } from "../broker/commands";
import type { Machine, Step } from "../contract/machines";
import type { Json } from "../contract/document";
import type { Channel } from "../contract/model";
import { either } from "../contract/shape";

/** @may: null, if the account may take it; else why not. */
export interface Offered { to: string; mayNot: string | null }

type Account = Pick<Whoami, "principal" | "scopes" | "own" | "attributes">;

/** Is the row the account's own? Where others decide that (the owner of the order of a payment), it may be. */
function isOwn(account: Account, channel: Channel, id: string, row: EntityRow | null): boolean {
  const listed = Object.entries(account.attributes).some(([name, values]) => name === channel.entity?.id && values.includes(id));
  return listed || row === null || row.owner === null || row.owner === account.principal;
}

export function offeredSteps(machine: Machine, status: string | null, account: Account | null, channel: Channel, id: string, row: EntityRow | null): Offered[] {
  const steps = machine.steps.filter(({ from }) => from === status);
  return steps.map((step) => ({ to: step.to, mayNot: account ? whyNot(step, machine, account, channel, isOwn(account, channel, id, row)) : null }));
}

function whyNot({ from, scope }: Step, machine: Machine, account: Account, channel: Channel, own: boolean): string | null {
  const send = channel.may?.send ?? "yes"; // nobody has said
  if (send === "no") return "it may not publish here";
  if (send === "own") {
    if (!own) return "this is somebody else's";
    if (scope === null) return "it may take the steps alone that are for one's own";
    return account.scopes.includes(scope) || account.own.includes(scope) ? null : `it lacks ${scope}`;
  }
  if (scope === null || account.scopes.includes(scope)) return null;
  if (from !== null && machine.correct !== null && account.scopes.includes(machine.correct)) return null;
  if (!account.own.includes(scope)) return `it lacks ${scope}`;
  return own ? null : `it has ${scope} for its own only`;
}

/** Those that the account may not take, a line for each reason. */
export function notOffered(steps: Offered[]): { to: string[]; why: string }[] {
  const reasons = new Map<string, string[]>();
  for (const { to, mayNot } of steps) if (mayNot !== null) reasons.set(mayNot, [...(reasons.get(mayNot) ?? []), to]);
  return [...reasons].map(([why, to]) => ({ to, why }));
}

/** Of a payload that says @said while @status stands: why no step leads there, or null. Who may correct takes any. */
export function stepTrouble(machine: Machine, status: string | null, said: Json | undefined, account: Account | null): string | null {
  if (typeof said !== "string" || said === status || !machine.states.includes(said)) return null;
  if (status !== null && machine.correct !== null && account?.scopes.includes(machine.correct)) return null;
  const next = machine.steps.filter(({ from }) => from === status).map(({ to }) => to);
  if (next.includes(said) || (status === null && next.length === 0)) return null;
  if (next.length === 0) return `${said} cannot follow ${status}, which is final.`;
  return status === null ? `A new one begins as ${either(next)}, not as ${said}.` : `${said} cannot follow ${status}: ${either(next)} may.`;
}
