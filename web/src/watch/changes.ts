// What is another in a payload than in the one before.
import type { Json } from "../contract/document";
import { escapeStep } from "../contract/jsontext";

export interface Change { pointer: string; before: Json | undefined; after: Json | undefined } // undefined: not there

const CHANGES_MAX = 200;

const isTree = (value: Json | undefined): value is Json[] | { [name: string]: Json } => typeof value === "object" && value !== null;

/** In the order of @after, then what is gone. At most 200. */
export function changesOf(before: Json | undefined, after: Json | undefined, pointer = "", found: Change[] = []): Change[] {
  if (found.length >= CHANGES_MAX) return found;
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, now] = [before as Record<string, Json>, after as Record<string, Json>];
    for (const name of Object.keys(now))
      changesOf(Object.hasOwn(old, name) ? old[name] : undefined, now[name], `${pointer}/${escapeStep(name)}`, found);
    for (const name of Object.keys(old))
      if (!Object.hasOwn(now, name) && found.length < CHANGES_MAX)
        found.push({ pointer: `${pointer}/${escapeStep(name)}`, before: old[name], after: undefined });
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    found.push({ pointer, before, after });
  }
  return found;
}
