// What is different between two payloads: by member where both are JSON, by line otherwise.
import { isObject, type Json } from "../contract/document";
import { escapeStep, readJson } from "../contract/jsontext";

export type Change =
  | { kind: "added"; at: string; to: Json }
  | { kind: "removed"; at: string; from: Json }
  | { kind: "changed"; at: string; from: Json; to: Json };

export interface Line { kind: "same" | "added" | "removed"; text: string }

export type Difference =
  | { as: "same" }
  | { as: "json"; changes: Change[]; isCut: boolean }
  | { as: "text"; lines: Line[]; isCut: boolean }
  | { as: "bytes"; from: number; to: number } // sizes, of what is no text, or too long
  ;

const CHANGES_MAX = 200;
const LINES_MAX = 400;
const TEXT_MAX = 256 * 1024; // characters of both together

export function jsonDiff(a: Json, b: Json, found: Change[] = [], at = ""): Change[] {
  if (found.length > CHANGES_MAX || Object.is(a, b)) return found;
  if (isObject(a) && isObject(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const here = `${at}/${escapeStep(name)}`;
      if (!Object.hasOwn(b, name)) found.push({ kind: "removed", at: here, from: a[name] });
      else if (!Object.hasOwn(a, name)) found.push({ kind: "added", at: here, to: b[name] });
      else jsonDiff(a[name], b[name], found, here);
    }
  } else if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length) && found.length <= CHANGES_MAX; i++) {
      const here = `${at}/${i}`;
      if (i >= b.length) found.push({ kind: "removed", at: here, from: a[i] });
      else if (i >= a.length) found.push({ kind: "added", at: here, to: b[i] });
      else jsonDiff(a[i], b[i], found, here);
    }
  } else {
    found.push({ kind: "changed", at, from: a, to: b });
  }
  return found;
}

/** Lines that stay, go and come: the longest common subsequence. */
export function lineDiff(a: string[], b: string[]): Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const from = a.slice(head, a.length - tail);
  const to = b.slice(head, b.length - tail);
  const width = to.length + 1;
  const common = new Uint32Array((from.length + 1) * width);
  for (let i = from.length - 1; i >= 0; i--)
    for (let j = to.length - 1; j >= 0; j--)
      common[i * width + j] = from[i] === to[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  const lines: Line[] = a.slice(0, head).map((text) => ({ kind: "same", text }));
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    if (i < from.length && j < to.length && from[i] === to[j]) {
      lines.push({ kind: "same", text: from[i] });
      i++;
      j++;
    } else if (j >= to.length || (i < from.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      lines.push({ kind: "removed", text: from[i++] });
    } else {
      lines.push({ kind: "added", text: to[j++] });
    }
  }
  for (const text of a.slice(a.length - tail)) lines.push({ kind: "same", text });
  return lines;
}

/** Of two payloads; null: one that is no text. */
export function differenceOf(a: string | null, b: string | null, sizes: [number, number]): Difference {
  if (a === null || b === null || a.length + b.length > TEXT_MAX) {
    if (a !== null && a === b) return { as: "same" };
    return { as: "bytes", from: sizes[0], to: sizes[1] };
  }
  if (a === b) return { as: "same" };
  const from = readJson(a);
  const to = readJson(b);
  if (from.value !== undefined && to.value !== undefined) {
    const changes = jsonDiff(from.value, to.value);
    if (changes.length === 0) return { as: "same" };
    return { as: "json", changes: changes.slice(0, CHANGES_MAX), isCut: changes.length > CHANGES_MAX };
  }
  const before = a.split("\n");
  const after = b.split("\n");
  const isCut = before.length > LINES_MAX || after.length > LINES_MAX;
  return { as: "text", lines: lineDiff(before.slice(0, LINES_MAX), after.slice(0, LINES_MAX)), isCut };
}
