// What is different between two values of JSON, member by member.
import { type Json } from "./document";
import { escapeStep } from "./jsontext";

export type Change =
  | { kind: "added"; at: string; to: Json } // at: a JSON Pointer; "" is the whole
  | { kind: "removed"; at: string; from: Json }
  | { kind: "changed"; at: string; from: Json; to: Json };

export interface Changes { found: Change[]; isCut: boolean } // isCut: there are more

const CHANGES_MAX = 200;

const isTree = (value: Json): value is Json[] | { [name: string]: Json } => typeof value === "object" && value !== null;

/** In the order of @after, then what is gone; of each object and list by itself. Undefined: there is none. */
export function changesOf(before: Json | undefined, after: Json | undefined): Changes {
  const found: Change[] = [];
  walk(before, after, "", found);
  return { found: found.slice(0, CHANGES_MAX), isCut: found.length > CHANGES_MAX };
}

function walk(before: Json | undefined, after: Json | undefined, at: string, found: Change[]): void {
  if (found.length > CHANGES_MAX || before === after) return;
  if (before === undefined) found.push({ kind: "added", at, to: after! });
  else if (after === undefined) found.push({ kind: "removed", at, from: before });
  else if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, now] = [before as Record<string, Json>, after as Record<string, Json>];
    for (const name of Object.keys(now))
      walk(Object.hasOwn(old, name) ? old[name] : undefined, now[name], `${at}/${escapeStep(name)}`, found);
    for (const name of Object.keys(old))
      if (!Object.hasOwn(now, name)) walk(old[name], undefined, `${at}/${escapeStep(name)}`, found);
  } else found.push({ kind: "changed", at, from: before, to: after });
}
