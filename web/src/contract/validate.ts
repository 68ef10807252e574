// Holds a value against a message's schema, as the broker will, and says what is wrong with it in
// the broker's words (plugin/schema/explain.c). Interprets: a page with a strict policy runs no
// code that is made from a schema.
import { format, validate, type Schema } from "@cfworker/json-schema";
import { dereference } from "@cfworker/json-schema";
import { plainSchema, type Plain } from "./dialect";
import type { Document, Json, JsonObject } from "./document";
import { escapeStep, stepsOf } from "./jsontext";

export interface Fault {
  field: string; // JSON Pointer
  code: string; // the schema's keyword, or the rule
  message: string; // goes on where the field's name stands: "is 3, expected type string"
}

export interface Checker {
  readonly plain: Plain;
  /** Why a value can't be held against the schema here, in a sentence; null: it can. */
  readonly unsure: string | null;
  /** Where the checker is unsure nothing is at fault. Throws Unsure where that shows with the value only. */
  check(value: Json): Fault[];
}

/** What is neither right nor wrong: it can't be checked here. */
export class Unsure extends Error {}

const FAULTS_MAX = 50;
const SHOWN_MAX = 60; // characters of a value in a sentence
/** Keywords whose fault is only that what is in them has one. */
const WRAPPERS = new Set(["$ref", "$recursiveRef", "allOf", "if", "properties", "patternProperties", "additionalProperties",
  "unevaluatedProperties", "dependentSchemas", "dependencies", "propertyNames", "items", "prefixItems", "additionalItems",
  "unevaluatedItems"]);

/** A member that another one asks for. Of "dependencies" this is a fault itself, beside schemas that have their own. */
const LACKS = /does not have (?:required property )?"(.*)"\.$/s;

interface Unit { keyword: string; keywordLocation: string; instanceLocation: string; error: string }

// Formats of OpenAPI's that JSON Schema does not have.
format.byte ??= (text: string) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);

const checkers = new WeakMap<object, Checker | null>();

/** Null: the message has no JSON Schema. Kept for the next time. */
export function checkerOf(doc: Document, message: { raw: JsonObject; schema: Json | undefined; schemaFormat: string | undefined }): Checker | null {
  const known = checkers.get(message.raw);
  if (known !== undefined) return known;
  const made = makeChecker(doc, message.schema, message.schemaFormat);
  checkers.set(message.raw, made);
  return made;
}

export function makeChecker(doc: Document, schema: Json | undefined, schemaFormat: string | undefined): Checker | null {
  if (schema === undefined || /avro|protobuf|raml|xsd/i.test(schemaFormat ?? "")) return null;
  const plain = plainSchema(doc, schema, schemaFormat);
  const unsure = (why: string): Checker => ({ plain, unsure: `The payload cannot be checked here: ${why}.`, check: () => [] });
  if (plain.dialect !== null) return unsure(`its schema is of a dialect that this page does not know (${plain.dialect})`);
  if (plain.unknown.length > 0) return unsure(`its schema refers to ${plain.unknown[0]}, which is not in the contract as it came`);
  const whole = plain.schema as Schema;
  let lookup: Record<string, Schema | boolean>;
  try {
    lookup = dereference(whole, Object.create(null) as Record<string, Schema | boolean>, new URL("schema:/"));
  } catch (error) {
    return unsure(`its schema can't be read (${firstLine(error)})`);
  }
  return {
    plain,
    unsure: null,
    check(value) {
      let found: { valid: boolean; errors: Unit[] };
      try {
        found = validate(value, whole, plain.draft, lookup, false);
      } catch (error) {
        // A pattern that this browser can't read, or a schema that goes round in circles.
        throw new Unsure(`The payload cannot be checked here: ${firstLine(error)}.`);
      }
      const faults = simplify(found.errors, plain, value);
      // Nothing that is wrong goes by in silence, whatever the keyword.
      return found.valid || faults.length > 0 ? faults : [{ field: "", code: "schema", message: "does not fit its schema" }];
    },
  };
}

const firstLine = (error: unknown): string => (error as Error).message.split("\n")[0].replace(/[.]$/, "");

/** The value of the keyword that the path of keywords leads to, through references. */
function keywordAt(plain: Plain, location: string): Json | undefined {
  let here: Json | undefined = plain.schema as Json;
  for (const step of stepsOf(location)) {
    if (typeof here !== "object" || here === null) return undefined;
    if (step === "$ref") {
      const name: string = String((here as JsonObject).$ref).split("/").pop()!;
      here = ((plain.schema as JsonObject).$defs as JsonObject | undefined)?.[name];
    } else {
      here = (here as JsonObject)[step];
    }
  }
  return here;
}

export function valueAt(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const step of stepsOf(pointer)) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Object.hasOwn(here, step) ? (here as JsonObject)[step] : undefined;
  }
  return here;
}

export function brief(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
}

const pointerOf = (location: string): string => {
  try {
    return decodeURIComponent(location.replace(/^#/, ""));
  } catch {
    return location.replace(/^#/, "");
  }
};

function simplify(units: Unit[], plain: Plain, value: Json): Fault[] {
  const found = new Map<string, Fault>();
  for (const unit of leaves(units)) {
    const fault = sayFault(unit, plain, value);
    const key = `${fault.field} ${fault.code} ${fault.message}`;
    if (!found.has(key)) found.set(key, fault);
    if (found.size >= FAULTS_MAX) break;
  }
  return [...found.values()];
}

/** Only what is at fault itself; of anyOf and oneOf the branch that comes nearest. */
function leaves(units: Unit[]): Unit[] {
  const left: Unit[] = [];
  for (let i = 0; i < units.length; i++) {
    const unit = units[i];
    if (unit.keyword === "anyOf" || unit.keyword === "oneOf") {
      const inside: Unit[] = [];
      while (i + 1 < units.length && units[i + 1].keywordLocation.startsWith(`${unit.keywordLocation}/`)) inside.push(units[++i]);
      left.push(...nearestBranch(unit, inside));
    } else if (unit.keyword === "contains") {
      left.push(unit);
      while (i + 1 < units.length && units[i + 1].keywordLocation.startsWith(unit.keywordLocation)) i++;
    } else if (unit.keyword === "false") {
      // A member or an item that may not be there; the keyword that says so stands before it.
      left.push({ ...unit, keyword: units[i - 1]?.keyword ?? "false" });
    } else if (!WRAPPERS.has(unit.keyword) || LACKS.test(unit.error)) {
      left.push(unit);
    }
  }
  return left;
}

function nearestBranch(unit: Unit, inside: Unit[]): Unit[] {
  const branches = new Map<string, Unit[]>();
  for (const it of inside) {
    const branch = it.keywordLocation.slice(unit.keywordLocation.length + 1).split("/")[0];
    branches.set(branch, [...(branches.get(branch) ?? []), it]);
  }
  const weighed = [...branches.values()].map((branch) => {
    const own = leaves(branch);
    // Of another type, or with another mark than the one that tells the branches apart: far away.
    const isOther = own.some((it) => (it.keyword === "type" && it.instanceLocation === unit.instanceLocation) || it.keyword === "const");
    return { own, weight: own.length + (isOther ? 1000 : 0) };
  }).sort((a, b) => a.weight - b.weight);
  if (weighed.length === 0) return [unit];
  if (weighed.length > 1 && (weighed[0].weight >= 1000 || weighed[0].weight === weighed[1].weight)) return [unit];
  return weighed[0].own;
}

const list = (values: Json | undefined): string => (Array.isArray(values) ? values.map(brief).join(", ") : brief(values));

function sayFault({ keyword, keywordLocation, instanceLocation, error }: Unit, plain: Plain, whole: Json): Fault {
  const field = pointerOf(instanceLocation);
  const value = brief(valueAt(whole, field));
  const asked = keywordAt(plain, keywordLocation);
  const fault = (message: string, at = field): Fault => ({ field: at, code: keyword, message });
  switch (keyword) {
    case "required":
    case "dependencies":
    case "dependentRequired": {
      const name = LACKS.exec(error)?.[1] ?? "";
      return fault("is missing", `${field}/${escapeStep(name)}`);
    }
    case "type":
      return fault(`is ${value}, expected type ${Array.isArray(asked) ? asked.join(" or ") : String(asked)}`);
    case "enum":
      return fault(`is ${value}, expected one of ${list(asked)}`);
    case "const":
      return fault(`is ${value}, expected ${brief(asked)}`);
    case "pattern":
      return fault(`is ${value}, which does not match ${String(asked)}`);
    case "format":
      return fault(`is ${value}, which is no ${String(asked)}`);
    case "additionalProperties":
    case "unevaluatedProperties":
    case "properties":
    case "patternProperties":
      return fault(`is not allowed: no member is called "${field.slice(field.lastIndexOf("/") + 1)}"`);
    case "items":
    case "additionalItems":
    case "unevaluatedItems":
    case "prefixItems":
      return fault("is one item too many");
    case "minLength":
      return fault(`is too short: at least ${String(asked)} characters`);
    case "maxLength":
      return fault(`is too long: at most ${String(asked)} characters`);
    case "minimum":
      return fault(`is ${value}, expected at least ${String(asked)}`);
    case "maximum":
      return fault(`is ${value}, expected at most ${String(asked)}`);
    case "exclusiveMinimum":
      return fault(`is ${value}, expected more than ${String(asked)}`);
    case "exclusiveMaximum":
      return fault(`is ${value}, expected less than ${String(asked)}`);
    case "multipleOf":
      return fault(`is ${value}, expected a multiple of ${String(asked)}`);
    case "minItems":
      return fault(`has too few items: at least ${String(asked)}`);
    case "maxItems":
      return fault(`has too many items: at most ${String(asked)}`);
    case "minProperties":
      return fault(`has too few members: at least ${String(asked)}`);
    case "maxProperties":
      return fault(`has too many members: at most ${String(asked)}`);
    case "uniqueItems":
      return fault("has an item twice");
    case "not":
      return fault(`is ${value}, which the schema excludes`);
    case "anyOf":
      return fault(`is ${value}, which fits none of the schemas it may fit`);
    case "oneOf":
      return fault(/[(]0 /.test(error)
        ? `is ${value}, which fits none of the schemas it may fit` : `is ${value}, which fits more than one schema`);
    case "contains":
    case "minContains":
      return fault("lacks an item that it must have");
    case "maxContains":
      return fault("has an item of a kind too often");
    default:
      return fault(`is ${value}: ${error}`);
  }
}

// Of these the broker's words have a subject of their own: "order is PLACED: ...".
const WHOLE = new Set(["transition", "step", "repeat", "owner", "location", "correlationId"]);

/** "status is ...", or "The payload is ..." for the whole. */
export function sentence({ field, code, message }: Fault): string {
  if (WHOLE.has(code)) return message;
  const name = field.slice(1).replace(/~1/g, "/").replace(/~0/g, "~");
  // Some of the broker's sentences name the member themselves.
  return name !== "" && message.startsWith(`${name} `) ? message : `${name === "" ? "The payload" : name} ${message}`;
}
