// What may stand where the cursor is: members and values, by the schema. Reads text that is not
// finished; knows nothing of the editor.
import { isObject, type Json, type JsonObject } from "../contract/document";
import type { Plain } from "../contract/dialect";
import { stepsOf } from "../contract/jsontext";

export interface Option {
  label: string;
  detail: string; // "required", a type
  info: string; // what the contract says of it
  insert: string;
  cursor: number; // within insert, where one goes on writing
  kind: "property" | "value" | "template";
}

export interface Completion { from: number; to: number; options: Option[] }

interface Spot {
  path: (string | number)[]; // of the value that is being written, or of the object whose member is
  isName: boolean;
  from: number; // of what is written already
  present: string[]; // members that the object has
}

const OPTIONS_MAX = 200;
const DEPTH_MAX = 24;

interface Frame { isArray: boolean; name: string; index: number; isValue: boolean; names: string[]; start: number }

function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"' && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return Math.min(at, text.length);
}

const unquote = (raw: string): string => {
  try {
    return JSON.parse(raw) as string;
  } catch {
    return raw.replace(/"/g, "");
  }
};

/** Reads to @pos and says what is written there. */
export function spotAt(text: string, pos: number): Spot | null {
  const frames: Frame[] = [];
  let at = 0;
  let token = 0; // where what is being written began
  while (at < pos) {
    const char = text[at];
    const top = frames[frames.length - 1];
    if (char === '"') {
      const end = stringEnd(text, at);
      if (end >= pos) {
        token = at;
        return spotOf(frames, text, pos, at);
      }
      if (top && !top.isArray && !top.isValue) {
        top.name = unquote(text.slice(at, end + 1));
        top.names.push(top.name);
      }
      at = end + 1;
      token = at;
      continue;
    }
    if (char === "{" || char === "[")
      frames.push({ isArray: char === "[", name: "", index: 0, isValue: char === "[", names: [], start: at });
    else if (char === "}" || char === "]") frames.pop();
    else if (char === ":" && top) top.isValue = true;
    else if (char === "," && top) {
      top.index++;
      top.isValue = top.isArray;
    }
    if (/[\s{}[\]:,]/.test(char)) token = at + 1;
    at++;
  }
  return spotOf(frames, text, pos, token);
}

function spotOf(frames: Frame[], text: string, pos: number, from: number): Spot | null {
  const path: (string | number)[] = [];
  frames.forEach((frame, i) => {
    if (i < frames.length - 1 || frame.isValue) path.push(frame.isArray ? frame.index : frame.name);
  });
  const top = frames[frames.length - 1];
  const isName = top !== undefined && !top.isValue;
  return { path, isName, from, present: isName ? [...top.names, ...namesAfter(text, pos)] : [] };
}

/** Names of members that follow in the same object. */
function namesAfter(text: string, pos: number): string[] {
  const names: string[] = [];
  let depth = 0;
  for (let at = pos; at < text.length && depth >= 0; at++) {
    const char = text[at];
    if (char === '"') {
      const end = stringEnd(text, at);
      if (depth === 0 && /^\s*:/.test(text.slice(end + 1, end + 20))) names.push(unquote(text.slice(at, end + 1)));
      at = end;
    } else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
  }
  return names;
}

/** A schema and all that apply to the same value beside it. */
export function beside(plain: Plain, schema: Json | undefined, depth = 0): JsonObject[] {
  if (!isObject(schema) || depth > DEPTH_MAX) return [];
  const found = [schema];
  if (typeof schema.$ref === "string") {
    const defs = isObject(plain.schema as Json) ? (plain.schema as JsonObject).$defs : undefined;
    found.push(...beside(plain, isObject(defs) ? defs[schema.$ref.split("/").pop()!] : undefined, depth + 1));
  }
  for (const keyword of ["allOf", "anyOf", "oneOf"])
    if (Array.isArray(schema[keyword])) for (const part of schema[keyword] as Json[]) found.push(...beside(plain, part, depth + 1));
  for (const keyword of ["then", "else"]) found.push(...beside(plain, schema[keyword], depth + 1));
  return found;
}

/** The schemas of what stands at @path. */
export function schemasAt(plain: Plain, path: (string | number)[]): JsonObject[] {
  let here = beside(plain, plain.schema as Json);
  for (const step of path)
    here = [...new Set(here.flatMap((schema) => beside(plain, inside(schema, step))))];
  return here;
}

function inside(schema: JsonObject, step: string | number): Json | undefined {
  if (typeof step === "number") {
    const tuple = schema.prefixItems ?? schema.items;
    if (Array.isArray(tuple)) return tuple[step] ?? (schema.prefixItems ? schema.items : schema.additionalItems);
    return schema.items;
  }
  const properties = schema.properties;
  if (isObject(properties) && Object.hasOwn(properties, step)) return properties[step];
  for (const [pattern, sub] of Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {})) {
    try {
      if (new RegExp(pattern, "u").test(step)) return sub;
    } catch {
      // Not one this browser can read.
    }
  }
  return schema.additionalProperties;
}

const first = (schemas: JsonObject[], keyword: string): string => {
  for (const schema of schemas) if (typeof schema[keyword] === "string") return schema[keyword] as string;
  return "";
};

export function typesOf(schemas: JsonObject[]): string[] {
  for (const { type } of schemas) {
    if (typeof type === "string") return [type];
    if (Array.isArray(type)) return type.map(String);
  }
  if (schemas.some(({ properties }) => properties !== undefined)) return ["object"];
  return [];
}

/** Values that the schema names, the most telling first. */
function valuesOf(schemas: JsonObject[]): { value: Json; detail: string }[] {
  const found = new Map<string, { value: Json; detail: string }>();
  const put = (value: Json, detail: string) => {
    const key = JSON.stringify(value);
    if (!found.has(key)) found.set(key, { value, detail });
  };
  const enums = schemas.filter((it) => Array.isArray(it.enum) || it.const !== undefined);
  for (const schema of enums) {
    if (schema.const !== undefined) put(schema.const, "");
    for (const value of Array.isArray(schema.enum) ? schema.enum : []) put(value, "");
  }
  if (enums.length === 0) {
    const types = typesOf(schemas);
    if (types.includes("boolean")) [true, false].forEach((value) => put(value, "boolean"));
    if (types.includes("null")) put(null, "null");
    if (first(schemas, "format") === "date-time") put(new Date().toISOString(), "now");
    if (first(schemas, "format") === "date") put(new Date().toISOString().slice(0, 10), "today");
    if (first(schemas, "format") === "uuid") put(crypto.randomUUID(), "new");
    for (const schema of schemas) {
      if (schema.default !== undefined) put(schema.default, "default");
      for (const value of Array.isArray(schema.examples) ? schema.examples : []) put(value, "example");
      if (schema.example !== undefined) put(schema.example, "example");
    }
  }
  return [...found.values()];
}

/** An empty value of the schema's kind, and where one writes on in it. */
function blank(schemas: JsonObject[]): { insert: string; cursor: number } {
  const values = valuesOf(schemas);
  if (values.length === 1 || values[0]?.detail === "now") {
    const insert = JSON.stringify(values[0].value);
    return { insert, cursor: insert.length };
  }
  switch (typesOf(schemas)[0]) {
    case "object":
      return { insert: "{}", cursor: 1 };
    case "array":
      return { insert: "[]", cursor: 1 };
    case "string":
      return { insert: '""', cursor: 1 };
    default:
      return { insert: "", cursor: 0 };
  }
}

export function completeAt(text: string, pos: number, plain: Plain): Completion | null {
  const spot = spotAt(text, pos);
  if (!spot) return null;
  const to = endOfToken(text, pos, spot.from);
  const schemas = schemasAt(plain, spot.path);
  const options = spot.isName ? members(plain, spot, schemas, text, to) : values(plain, schemas);
  return options.length > 0 ? { from: spot.from, to, options: options.slice(0, OPTIONS_MAX) } : null;
}

function endOfToken(text: string, pos: number, from: number): number {
  if (text[from] === '"') return text[stringEnd(text, from)] === '"' ? Math.max(pos, stringEnd(text, from) + 1) : pos;
  return pos + (/^[\w.+-]*/.exec(text.slice(pos, pos + 80))?.[0].length ?? 0);
}

function members(plain: Plain, spot: Spot, schemas: JsonObject[], text: string, to: number): Option[] {
  const required = new Set(schemas.flatMap((schema) => (Array.isArray(schema.required) ? schema.required.map(String) : [])));
  const always = new Set(Array.isArray(schemas[0]?.required) ? schemas[0].required.map(String) : []);
  const names = new Set(schemas.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : [])));
  const rank = (name: string) => (always.has(name) ? 0 : required.has(name) ? 1 : 2);
  const isFollowed = /^\s*:/.test(text.slice(to)); // the name alone is written anew
  const comma = /^\s*"/.test(text.slice(to)) ? "," : "";
  return [...names].filter((name) => !spot.present.includes(name)).sort((a, b) => rank(a) - rank(b)).map((name) => {
    const own = schemasAt(plain, [...spot.path, name]);
    const value = blank(own);
    const head = JSON.stringify(name);
    const types = typesOf(own).join(" or ");
    return {
      label: name,
      detail: [["required", "sometimes required", ""][rank(name)], types].filter(Boolean).join(", "),
      info: first(own, "description"),
      insert: isFollowed ? head : `${head}: ${value.insert}${comma}`,
      cursor: isFollowed ? head.length : head.length + 2 + value.cursor,
      kind: "property",
    };
  });
}

function values(plain: Plain, schemas: JsonObject[]): Option[] {
  const found: Option[] = valuesOf(schemas).map(({ value, detail }) => {
    const insert = JSON.stringify(value, null, 2);
    return { label: insert, detail, info: "", insert, cursor: insert.length, kind: "value" };
  });
  if (typesOf(schemas).includes("object") || typesOf(schemas).includes("array")) {
    const insert = JSON.stringify(sampleOf(plain, schemas), null, 2);
    found.push({ label: insert.startsWith("[") ? "[…]" : "{…}", detail: "with what is required", info: "", insert, cursor: insert.length, kind: "template" });
  }
  return found;
}

/** A value to begin with: what is required, as far as the schema says what that is. */
export function sampleOf(plain: Plain, schemas: JsonObject[], depth = 0): Json {
  const values = valuesOf(schemas);
  if (values.length > 0) return values[0].value;
  const types = typesOf(schemas);
  const number = (keyword: string) => schemas.map((it) => it[keyword]).find((it): it is number => typeof it === "number");
  switch (types[0]) {
    case "object": {
      const made: JsonObject = {};
      const names = Array.isArray(schemas[0]?.required) ? schemas[0].required.map(String)
        : schemas.flatMap(({ required }) => (Array.isArray(required) ? required.map(String) : []));
      for (const name of depth < 6 ? names : [])
        made[name] = sampleOf(plain, schemas.flatMap((schema) => beside(plain, inside(schema, name))), depth + 1);
      return made;
    }
    case "array": {
      const least = Math.min(number("minItems") ?? 0, 3);
      return depth < 6 ? Array.from({ length: least }, (_, i) =>
        sampleOf(plain, schemas.flatMap((schema) => beside(plain, inside(schema, i))), depth + 1)) : [];
    }
    case "integer":
    case "number":
      return number("minimum") ?? (number("exclusiveMinimum") !== undefined ? number("exclusiveMinimum")! + 1 : 0);
    case "string":
      return "";
    default:
      return null;
  }
}

export const sampleMessage = (plain: Plain): Json => sampleOf(plain, beside(plain, plain.schema as Json));

/** Is what stands at the JSON Pointer a time? */
export function isTime(plain: Plain, pointer: string, value: Json): boolean {
  if (typeof value !== "string") return false;
  const path = stepsOf(pointer);
  // A step of digits may be an item's number or a member's name.
  const ways = [path, path.map((step) => (/^\d+$/.test(step) ? Number(step) : step))];
  return ways.some((way) => schemasAt(plain, way).some(({ format }) => format === "date-time"));
}
