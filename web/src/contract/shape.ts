// A schema in words: what a value has to be, for people. Knows the drafts of JSON Schema from 4 to 2020-12,
// AsyncAPI's and OpenAPI's schema objects. What has no words of its own here is named as it stands.
import { at, isObject, list, text, type Document, type Json, type JsonObject } from "./document";

export interface Member { name: string; isRequired: boolean; shape: Shape }
export interface Choice { word: string; shapes: Shape[] }

export interface Shape {
  type: string; // "text", "list of whole numbers"
  isObject: boolean;
  title: string;
  description: string;
  limits: string[]; // "1 to 64 characters"
  values: Json[] | null; // the only ones
  fallback: Json | undefined;
  examples: Json[];
  flags: string[]; // "deprecated", "read only"
  members: Member[];
  others: string; // what other members there may be
  items: Shape | null; // each one of a list
  positions: Shape[]; // the first ones of a list
  choices: Choice[];
  rules: string[]; // "If `status` is `PLACED`, `userId` is required."
  circle: string | null; // it is the one of this name again, which stands above
}

const DEPTH_MAX = 24; // of schemas in schemas: deeper ones are named only
const SHAPES_MAX = 4000; // of a message: schemas that use each other many times over become no end of rows
const ADDED = ["title", "description", "examples", "example", "default", "deprecated", "readOnly", "writeOnly"];

const number = (value: Json | undefined): number | null => (typeof value === "number" ? value : null);
const code = (value: Json): string => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;

/** "a, b or c" */
export const either = (words: string[], last = "or"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`;

const FORMATS: Record<string, string> = {
  "date-time": "time (RFC 3339)", date: "date (year-month-day)", time: "time of day", duration: "duration (ISO 8601)",
  email: "e-mail address", "idn-email": "e-mail address", hostname: "host name", "idn-hostname": "host name", ipv4: "IPv4 address",
  ipv6: "IPv6 address", uri: "URI", "uri-reference": "URI or path", iri: "IRI", uuid: "UUID", regex: "regular expression",
  "json-pointer": "JSON Pointer", byte: "base64 text", binary: "bytes", password: "secret text",
};
const TYPES: Record<string, string> = {
  string: "text", integer: "whole number", number: "number", boolean: "true or false", null: "null", object: "object", array: "list",
};

function between(least: number | null, most: number | null, unit: string, isOver = false, isUnder = false): string[] {
  const of = (n: number) => `${n.toLocaleString("en")}${unit && ` ${n === 1 ? unit.replace(/ies$/, "y").replace(/s$/, "") : unit}`}`;
  if (least !== null && least === most && !isOver && !isUnder) return [`exactly ${of(least)}`];
  if (least !== null && most !== null && !isOver && !isUnder) return [`${least.toLocaleString("en")} to ${of(most)}`];
  return [
    ...(least !== null ? [`${isOver ? "more than" : "at least"} ${of(least)}`] : []),
    ...(most !== null ? [`${isUnder ? "less than" : "at most"} ${of(most)}`] : []),
  ];
}

class Reader {
  private count = 0;

  constructor(private readonly doc: Document, private readonly isModern: boolean) {}

  // What @ref leads to: in the document, else in the schema that has a name of its own.
  private find(ref: string, resource: Json): Json | undefined {
    if (ref === "#") return resource;
    const pointer = ref.slice(ref.indexOf("#") + 1);
    if (ref.includes("#") && (pointer.startsWith("/") || pointer === ""))
      return (ref.startsWith("#") ? at(this.doc, `#${pointer}`) : undefined) ?? (isObject(resource) ? at({ root: resource }, `#${pointer}`) : undefined);
    return anchored(resource, pointer || ref);
  }

  /** The schema with what its $ref and its allOf say, as one; null: it refers to itself or to nothing. */
  private gather(schema: JsonObject, resource: Json, seen: JsonObject[]): { parts: JsonObject[]; resource: Json; missing: string | null } {
    const parts: JsonObject[] = [];
    let missing: string | null = null;
    let home = resource;
    const add = (here: JsonObject, within: Json) => {
      if (parts.includes(here) || parts.length > 64) return;
      const own = typeof here.$id === "string" || typeof here.$schema === "string" ? here : within;
      const ref = text(here.$ref) || text(here.$dynamicRef) || text(here.$recursiveRef);
      const target = ref ? this.find(ref, own) : undefined;
      if (ref && target === undefined) missing = ref;
      // Before 2019-09 nothing beside a $ref holds; what describes it is shown all the same.
      if (ref && !this.isModern) parts.push(Object.fromEntries(Object.entries(here).filter(([name]) => ADDED.includes(name))));
      else parts.push(here);
      if (parts.length === 1) home = own;
      if (isObject(target)) add(target, own);
      for (const one of list(here.allOf)) if (isObject(one)) add(one, own);
    };
    add(schema, resource);
    seen.push(...parts.filter((part) => Object.keys(part).length > 0));
    return { parts, resource: home, missing };
  }

  shape(schema: Json | undefined, resource: Json, above: JsonObject[]): Shape {
    if (schema === false) return blank("nothing");
    if (!isObject(schema)) return blank("anything");
    const target = this.refers(schema, resource);
    if (above.includes(target) || above.length > DEPTH_MAX || ++this.count > SHAPES_MAX)
      return { ...blank(text(target.title) || "object"), circle: text(target.title) || nameOf(schema) || "the object above" };
    const { parts, resource: within, missing } = this.gather(schema, resource, []);
    if (missing) return { ...blank(`unknown: ${missing}`), description: text(schema.description) };
    return this.read(parts, within, [...above, target]);
  }

  // The schema that a chain of references ends at: by that one circles are known.
  private refers(schema: JsonObject, resource: Json): JsonObject {
    let here = schema;
    for (let step = 0; step < 16; step++) {
      const ref = text(here.$ref) || text(here.$dynamicRef) || text(here.$recursiveRef);
      const next = ref ? this.find(ref, resource) : undefined;
      if (!isObject(next)) break;
      here = next;
    }
    return here;
  }

  private read(parts: JsonObject[], resource: Json, above: JsonObject[]): Shape {
    const first = (name: string): Json | undefined => parts.find((part) => part[name] !== undefined)?.[name];
    const sub = (schema: Json | undefined) => this.shape(schema, resource, above);
    const required = new Set(parts.flatMap((part) => list(part.required).map(String)));
    const members = new Map<string, Shape>();
    for (const part of parts)
      for (const [name, raw] of Object.entries(isObject(part.properties) ? part.properties : {}))
        if (!members.has(name)) members.set(name, sub(raw));
    for (const name of required) if (!members.has(name)) members.set(name, blank("anything"));
    const rawItems = first("items");
    const positions = [...list(first("prefixItems")), ...(Array.isArray(rawItems) ? rawItems : [])].map(sub);
    const rest = Array.isArray(rawItems) ? first("additionalItems") : rawItems;
    const items = isObject(rest) ? sub(rest) : null;
    const values = first("const") !== undefined ? [first("const")!] : Array.isArray(first("enum")) ? first("enum") as Json[] : null;
    const shape: Shape = {
      ...blank(typeWords(parts, values, items, members.size > 0)),
      isObject: members.size > 0 || first("type") === "object",
      title: text(first("title")),
      description: text(first("description")),
      limits: parts.flatMap((part) => limits(part)),
      values,
      fallback: first("default"),
      examples: [...list(first("examples")), ...(first("example") !== undefined ? [first("example")!] : [])],
      flags: [...(first("deprecated") === true ? ["deprecated"] : []), ...(first("readOnly") === true ? ["read only"] : []),
        ...(first("writeOnly") === true ? ["write only"] : [])],
      members: [...members].map(([name, shape]) => ({ name, isRequired: required.has(name), shape })),
      others: this.others(parts, sub),
      items,
      positions,
    };
    for (const part of parts) this.combine(part, shape, sub);
    return shape;
  }

  private others(parts: JsonObject[], sub: (schema: Json) => Shape): string {
    const said: string[] = [];
    for (const part of parts) {
      for (const [pattern, schema] of Object.entries(isObject(part.patternProperties) ? part.patternProperties : {}))
        said.push(`members whose names match \`${pattern}\`: ${inWords(sub(schema))}`);
      for (const name of ["additionalProperties", "unevaluatedProperties"]) {
        if (part[name] === false) said.push("no other members");
        else if (isObject(part[name])) said.push(`other members: ${inWords(sub(part[name]!))}`);
      }
      if (isObject(part.propertyNames)) said.push(`names of members: ${inWords(sub(part.propertyNames))}`);
    }
    return [...new Set(said)].join("; ");
  }

  private combine(part: JsonObject, shape: Shape, sub: (schema: Json | undefined) => Shape): void {
    const choice = (word: string, name: string) => {
      const shapes = list(part[name]).map(sub);
      // "required" alone is a rule about members, not another kind of value.
      if (shapes.length > 0 && shapes.every(isRule)) shape.rules.push(`${word}: ${either(shapes.map((it) => conditions(it).join(" and ") || "anything"), "or")}.`);
      else if (shapes.length > 0) shape.choices.push({ word, shapes });
    };
    choice("Exactly one of these", "oneOf");
    choice("At least one of these", "anyOf");
    if (part.if !== undefined) {
      const when = conditions(sub(part.if)).join(" and ") || "it is as the contract's `if` says";
      if (part.then !== undefined) shape.rules.push(`If ${when}: ${conditions(sub(part.then), true).join("; ") || "anything"}.`);
      if (part.else !== undefined) shape.rules.push(`Otherwise: ${conditions(sub(part.else), true).join("; ") || "anything"}.`);
    }
    if (part.not !== undefined) shape.rules.push(`Not: ${conditions(sub(part.not)).join(" and ") || inWords(sub(part.not))}.`);
    if (isObject(part.discriminator)) shape.rules.push(`\`${text(part.discriminator.propertyName)}\` says which one it is.`);
    else if (typeof part.discriminator === "string") shape.rules.push(`\`${part.discriminator}\` says which one it is.`);
    for (const name of ["dependentRequired", "dependencies", "dependentSchemas"])
      for (const [member, then] of Object.entries(isObject(part[name]) ? part[name] as JsonObject : {}))
        shape.rules.push(`With \`${member}\`: ${Array.isArray(then) ? `${either(then.map(code), "and")} ${then.length === 1 ? "is" : "are"} required`
          : conditions(sub(then), true).join("; ") || "anything"}.`);
    if (part.contains !== undefined)
      shape.rules.push(`${between(number(part.minContains) ?? 1, number(part.maxContains), "", false, false).join(", ")} of the list: ${inWords(sub(part.contains))}.`);
  }
}

function blank(type: string): Shape {
  return {
    type, isObject: false, title: "", description: "", limits: [], values: null, fallback: undefined, examples: [], flags: [],
    members: [], others: "", items: null, positions: [], choices: [], rules: [], circle: null,
  };
}

const nameOf = (schema: JsonObject): string => text(schema.$ref).split("/").pop() ?? "";

function anchored(schema: Json, name: string, depth = 0): Json | undefined {
  if (typeof schema !== "object" || schema === null || depth > DEPTH_MAX) return undefined;
  if (isObject(schema) && (schema.$anchor === name || schema.$dynamicAnchor === name || schema.$id === name || schema.id === `#${name}` || schema.$id === `#${name}`))
    return schema;
  for (const below of Object.values(schema)) {
    const found = anchored(below as Json, name, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function typeWords(parts: JsonObject[], values: Json[] | null, items: Shape | null, hasMembers: boolean): string {
  const first = (name: string) => parts.find((part) => part[name] !== undefined)?.[name];
  const raw = first("type");
  let types = Array.isArray(raw) ? raw.map(String) : typeof raw === "string" ? [raw] : [];
  if (first("nullable") === true) types = [...types, "null"];
  const format = text(first("format"));
  const words = types.map((type) => {
    if (type === "string") return FORMATS[format] ?? (format ? `text (${format})` : "text");
    if (type === "array") return items ? `list of: ${items.circle ?? items.type}` : "list";
    return (TYPES[type] ?? type) + ((type === "integer" || type === "number") && format ? ` (${format})` : "");
  });
  if (words.length > 0) return either([...new Set(words)]);
  if (values) return either([...new Set(values.map((value) => TYPES[Array.isArray(value) ? "array" : value === null ? "null" : typeof value] ?? "anything"))]);
  if (hasMembers) return "object";
  if (items) return `list of: ${items.type}`;
  return format ? FORMATS[format] ?? `text (${format})` : "anything";
}

function limits(part: JsonObject): string[] {
  // Draft 4 says with true that the limit itself is not allowed.
  const isOver = part.exclusiveMinimum === true || typeof part.exclusiveMinimum === "number";
  const isUnder = part.exclusiveMaximum === true || typeof part.exclusiveMaximum === "number";
  const said = [
    ...between(number(part.minLength), number(part.maxLength), "characters"),
    ...between(number(part.exclusiveMinimum) ?? number(part.minimum), number(part.exclusiveMaximum) ?? number(part.maximum), "", isOver, isUnder),
    ...between(number(part.minItems), number(part.maxItems), "entries"),
    ...between(number(part.minProperties), number(part.maxProperties), "members"),
  ];
  if (number(part.multipleOf) !== null) said.push(`a multiple of ${part.multipleOf}`);
  if (typeof part.pattern === "string") said.push(`matches \`${part.pattern}\``);
  if (part.uniqueItems === true) said.push("no entry twice");
  if (part.items === false || part.additionalItems === false || part.unevaluatedItems === false) said.push("no further entries");
  if (typeof part.contentEncoding === "string") said.push(`encoded as ${part.contentEncoding}`);
  if (typeof part.contentMediaType === "string") said.push(`contains ${part.contentMediaType}`);
  return said;
}

const isRule = (shape: Shape): boolean =>
  shape.choices.length === 0 && !shape.title && !shape.description
  && shape.members.every(({ shape }) => shape.members.length === 0 && !shape.description) && shape.members.length > 0
  && shape.members.every(({ shape }) => shape.values !== null || shape.type === "anything");

/** What @shape asks, as clauses; @isDemand: "`a` is required" instead of "`a` is there". */
function conditions(shape: Shape, isDemand = false): string[] {
  const said: string[] = [];
  for (const { name, isRequired, shape: member } of shape.members) {
    const is = member.type === "nothing" ? "" : member.values ? `is ${either(member.values.map(code))}`
      : member.type !== "anything" || member.limits.length > 0 ? `is ${inWords(member)}` : "";
    if (is) said.push(`\`${name}\` ${is}${isDemand && isRequired ? " and is required" : ""}`);
    else if (member.type === "nothing") said.push(`\`${name}\` is not there`);
    else if (isRequired) said.push(`\`${name}\` is ${isDemand ? "required" : "there"}`);
    said.push(...member.rules.map((rule) => `\`${name}\`: ${rule.replace(/\.$/, "")}`));
  }
  if (shape.members.length === 0 && (shape.limits.length > 0 || shape.values || !["anything", "object"].includes(shape.type))) said.push(inWords(shape));
  said.push(...shape.rules.map((rule) => rule.replace(/\.$/, "")));
  for (const { word, shapes } of shape.choices) said.push(`${word.toLowerCase()}: ${either(shapes.map((it) => conditions(it, isDemand).join(" and ") || inWords(it)))}`);
  if (shape.others === "no other members") said.push(shape.others);
  return said;
}

/** A value in one line. */
export function inWords(shape: Shape): string {
  if (shape.values) return either(shape.values.map(code));
  const members = shape.members.length > 0 ? ` with ${either(shape.members.map(({ name }) => `\`${name}\``), "and")}` : "";
  return [`${shape.title && shape.isObject ? shape.title : shape.type}${members}`, ...shape.limits].join(", ");
}

/** @schema of a message of @doc; @schemaFormat as the Multi Format Schema Object says. */
export function readShape(doc: Document, schema: Json | undefined, schemaFormat?: string): Shape {
  const said = isObject(schema) && typeof schema.$ref === "string" ? at(doc, schema.$ref) : schema;
  const dialect = `${isObject(said) ? text(said.$schema) : ""} ${schemaFormat ?? ""}`;
  return new Reader(doc, /2019-09|2020-12|openapi;version=3\.[1-9]/.test(dialect)).shape(schema, said ?? null, []);
}

export interface Row {
  depth: number;
  kind: "member" | "head"; // a head says what the rows below it are
  name: string;
  path: string; // JSON Pointer, without what lists have of numbers: unique among the rows
  shape: Shape;
  isRequired: boolean;
  example: Json | undefined;
}

const ROWS_MAX = 2000;

/** The shape's members as a table's rows, each followed by those below it. */
export function rowsOf(shape: Shape, example?: Json): Row[] {
  const rows: Row[] = [];
  const member = (name: string, shape: Shape, depth: number, path: string, isRequired: boolean, example: Json | undefined) => {
    if (rows.length >= ROWS_MAX) return;
    rows.push({ kind: "member", depth, name, path, shape, isRequired, example: (typeof example === "object" ? undefined : example) ?? shape.examples[0] });
    below(shape, depth + 1, path, example);
  };
  const head = (name: string, shape: Shape, depth: number, path: string) =>
    rows.push({ kind: "head", depth, name, path, shape, isRequired: false, example: undefined });
  const below = (shape: Shape, depth: number, path: string, example: Json | undefined) => {
    if (shape.circle !== null) return;
    for (const { name, isRequired, shape: it } of shape.members)
      member(name, it, depth, `${path}/${name}`, isRequired, isObject(example) ? example[name] : undefined);
    shape.positions.forEach((it, i) => member(`entry ${i + 1}`, it, depth, `${path}/${i}`, false, Array.isArray(example) ? example[i] : undefined));
    if (shape.items && (shape.items.members.length > 0 || shape.items.choices.length > 0 || shape.items.limits.length > 0 || shape.items.values
      || shape.items.description || shape.items.items || shape.items.rules.length > 0))
      member("each entry", shape.items, depth, `${path}/*`, false, Array.isArray(example) ? example[0] : undefined);
    shape.choices.forEach(({ word, shapes }, c) => {
      head(word, { ...blank(""), description: "" }, depth, `${path}/?${c}`);
      shapes.forEach((it, i) => {
        head(it.title || (it.members.length === 0 ? inWords(it) : `variant ${i + 1}`), it, depth + 1, `${path}/?${c}.${i}`);
        below(it, depth + 2, `${path}/?${c}.${i}`, example);
      });
    });
  };
  below(shape, 0, "", example);
  return rows;
}
