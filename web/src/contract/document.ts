// A JSON document with references in it.
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };
export interface Document { root: JsonObject }

// What a value is where it should be one: else an empty one, so that a reader of documents need not ask.
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
export const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
export const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

const STEPS_MAX = 32; // references that lead to references

/** What a JSON Pointer ("#/a/b" or "/a/b") leads to; undefined: nothing. */
export function at(doc: Document, pointer: string): Json | undefined {
  let here: Json | undefined = doc.root;
  for (const raw of pointer.replace(/^#/, "").split("/").slice(1)) {
    let name = raw;
    try {
      name = decodeURIComponent(raw);
    } catch {
      // A "%" of its own.
    }
    name = name.replace(/~1/g, "/").replace(/~0/g, "~");
    if (typeof here !== "object" || here === null) return undefined;
    if (!Object.hasOwn(here, name)) return undefined;
    here = (here as JsonObject)[name];
  }
  return here;
}

/** Follows @value's $ref, and that one's, to what is no reference. */
export function deref(doc: Document, value: Json | undefined): Json | undefined {
  let here = value;
  for (let step = 0; step < STEPS_MAX; step++) {
    const ref = typeof here === "object" && here !== null && !Array.isArray(here) ? here.$ref : undefined;
    if (typeof ref !== "string" || !ref.startsWith("#")) return here;
    here = at(doc, ref);
  }
  return undefined;
}
