// What is different between two payloads: by member where both are JSON, by line otherwise.
import { changesOf, type Change } from "../contract/changes";
import { readJson } from "../contract/jsontext";

export interface Line { kind: "same" | "added" | "removed"; text: string }

export type Difference =
  | { as: "same" }
  | { as: "json"; changes: Change[]; isCut: boolean }
  | { as: "text"; lines: Line[]; isCut: boolean }
  | { as: "bytes"; from: number; to: number } // sizes, of what is no text, or too long
  ;

const LINES_MAX = 400;
const TEXT_MAX = 256 * 1024; // characters of both together

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
    const { found: changes, isCut } = changesOf(from.value, to.value);
    return changes.length === 0 ? { as: "same" } : { as: "json", changes, isCut };
  }
  const before = a.split("\n");
  const after = b.split("\n");
  const isCut = before.length > LINES_MAX || after.length > LINES_MAX;
  return { as: "text", lines: lineDiff(before.slice(0, LINES_MAX), after.slice(0, LINES_MAX)), isCut };
}
