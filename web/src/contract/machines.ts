// State machines: which status may follow which (x-state-machines, schemas/extensions.md).
import { object, type Document, type Json } from "./document";

export interface Step { from: string | null; to: string; scope: string | null } // from null: the first status

export interface Machine {
  name: string;
  document: number;
  description: string;
  correct: string | null; // the scope that may put a status right
  states: string[];
  steps: Step[];
  final: string[];
  longest: Record<string, number>; // seconds that a status should last at most
}

export function readMachines(doc: Document, document: number): Machine[] {
  return Object.entries(object(doc.root["x-state-machines"])).map(([name, raw]) => {
    const at = object(raw);
    const steps: Step[] = [];
    const add = (from: string | null, list: Json | undefined) => {
      for (const step of Array.isArray(list) ? list : [])
        steps.push(typeof step === "string"
          ? { from, to: step, scope: null }
          : { from, to: String(object(step).to), scope: object(step).scope ? String(object(step).scope) : null });
    };
    const next = object(at.next);
    add(null, at.first);
    for (const [from, list] of Object.entries(next)) add(from, list);
    const states = [...new Set([...Object.keys(next), ...steps.map(({ to }) => to)])];
    return {
      name,
      document,
      description: typeof at.description === "string" ? at.description : "",
      correct: typeof at.correct === "string" ? at.correct : null,
      states,
      steps,
      final: states.filter((state) => !steps.some(({ from }) => from === state)),
      longest: Object.fromEntries(Object.entries(object(at.longest)).map(([state, s]) => [state, Number(s)])),
    };
  });
}

/** Which statuses may follow; of null: with which it may begin. */
export const follow = (machine: Machine, from: string | null): string[] =>
  machine.steps.filter((step) => step.from === from).map(({ to }) => to);
