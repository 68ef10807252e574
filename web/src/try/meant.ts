// What was meant by a name or a value that the contract does not have: one that it has, and that is
// spelt nearly so.
import type { Plain } from "../contract/dialect";
import { isObject, type Json } from "../contract/document";
import { escapeStep, stepsOf, type Read } from "../contract/jsontext";
import { valueAt, type Fault } from "../contract/validate";
import { schemasAt } from "./complete";
import type { Mend } from "./editor";

export interface Meant {
  at: string; // JSON Pointer of what is misspelt: a member by its name, or its value
  isName: boolean;
  text: string; // what it should be
}

const SHORT = 4; // of so few letters one may be wrong, of more two
const CANDIDATES_MAX = 500;

/** Letters to put in, to leave out, to exchange, or to swap with their neighbour; more than @max is max + 1. */
export function distance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > max) return max + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}

// Capitals, "-" and "_" are no letters: "order_id" is "orderId".
const bare = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, "");

/** Of @names the one that @text nearly is; the first of those that are as near. Null: none. */
export function nearest(text: string, names: string[]): string | null {
  let best: { name: string; far: number } | null = null;
  for (const name of names.slice(0, CANDIDATES_MAX)) {
    if (name === text) continue;
    const max = Math.min(bare(text).length, bare(name).length) <= SHORT ? 1 : 2;
    const far = bare(name) === bare(text) ? 0 : Math.min(distance(text, name, max), distance(bare(text), bare(name), max));
    if (far <= max && (!best || far < best.far)) best = { name, far };
  }
  return best?.name ?? null;
}

/** A step of digits is an item's number where @value has a list there. */
function pathOf(value: Json, pointer: string): (string | number)[] {
  let here: Json | undefined = value;
  return stepsOf(pointer).map((step) => {
    const isItem = Array.isArray(here);
    here = here === undefined ? undefined : valueAt(here, `/${escapeStep(step)}`);
    return isItem ? Number(step) : step;
  });
}

/** The members that the schema has for the object at @pointer, the required ones first; empty: it names none. */
function membersAt(plain: Plain, value: Json, pointer: string): string[] {
  const schemas = schemasAt(plain, pathOf(value, pointer));
  const required = schemas.flatMap((it) => (Array.isArray(it.required) ? it.required.map(String) : []));
  const known = new Set(schemas.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : [])));
  return [...new Set([...required.filter((name) => known.has(name)), ...known])];
}

/** What may be meant where @fault is; null: that is nothing like what the contract has. */
export function meantBy(plain: Plain, value: Json, fault: Fault): Meant | null {
  const { field } = fault;
  if (field === "") return null;
  const parent = field.slice(0, field.lastIndexOf("/"));
  const name = stepsOf(field).pop()!;
  const holder = valueAt(value, parent);
  const there = valueAt(value, field);
  if (isObject(holder)) {
    const known = membersAt(plain, value, parent);
    if (there === undefined) {
      // It is missing: is one that nobody asked for spelt like it?
      const stray = nearest(name, Object.keys(holder).filter((it) => !known.includes(it)));
      return known.includes(name) && stray !== null ? { at: `${parent}/${escapeStep(stray)}`, isName: true, text: name } : null;
    }
    if (!known.includes(name)) {
      const missing = nearest(name, known.filter((it) => !Object.hasOwn(holder, it)));
      return missing !== null ? { at: field, isName: true, text: missing } : null;
    }
  }
  if (typeof there !== "string") return null;
  const values = schemasAt(plain, pathOf(value, field)).flatMap((it) => [...(Array.isArray(it.enum) ? it.enum : []), ...(it.const !== undefined ? [it.const] : [])])
    .filter((it): it is string => typeof it === "string");
  if (values.includes(there)) return null;
  const text = nearest(there, values);
  return text !== null ? { at: field, isName: false, text } : null;
}

/** Where the text is changed, and into what. */
export function mendOf(read: Read, meant: Meant): Mend | undefined {
  const place = read.places.get(meant.at);
  if (!place || (meant.isName && !place.name)) return undefined;
  const [from, to] = meant.isName ? place.name! : [place.from, place.to];
  return { from, to, insert: JSON.stringify(meant.text), label: `Make it ${meant.text}` };
}
