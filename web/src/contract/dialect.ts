// Makes a message's schema one that stands for itself: references are followed once, what a
// dialect has of its own (AsyncAPI's discriminator, OpenAPI's nullable) is written in JSON Schema.
// The document is not changed. See schemas/README.md, "Schemas".
import { at, isObject, type Document, type Json, type JsonObject } from "./document";

export type Draft = "4" | "7" | "2019-09" | "2020-12";
export interface Plain {
  schema: JsonObject | boolean;
  draft: Draft;
  unknown: string[]; // references that lead nowhere
  dialect: string | null; // one that is not known here
}

const MAPS = new Set(["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"]);
const LISTS = new Set(["prefixItems", "allOf", "anyOf", "oneOf"]);
const ONES = new Set(["additionalItems", "unevaluatedItems", "items", "contains", "additionalProperties",
  "unevaluatedProperties", "propertyNames", "not", "if", "then", "else"]);
const IN_PLACE = new Set(["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"]);
const DROPPED = new Set(["$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary", "discriminator", "nullable"]);
const BITS: Record<string, [number, number]> = {
  int8: [-128, 127], int16: [-32768, 32767], int32: [-(2 ** 31), 2 ** 31 - 1], int64: [-(2 ** 63), 2 ** 63],
  uint8: [0, 255], uint16: [0, 65535], uint32: [0, 2 ** 32 - 1], uint64: [0, 2 ** 64],
};

interface Dialect { draft: Draft; isOwn: boolean; isKnown?: boolean } // isOwn: AsyncAPI's or OpenAPI's Schema Object

const OWN_METASCHEMA = /^https?:\/\/(?:asyncapi\.com\/definitions|spec\.openapis\.org\/oas)\//;
const METASCHEMA = /^https?:\/\/json-schema\.org\/(?:(?:draft-0[467]|draft\/2019-09|draft\/2020-12)\/schema|v1)#?$/;

export function dialectOf(schema: Json | undefined, schemaFormat: string | undefined): Dialect {
  const uri = isObject(schema) && typeof schema.$schema === "string" ? schema.$schema.toLowerCase() : null;
  const said = uri ?? (schemaFormat ?? "").toLowerCase();
  // A metaschema of somebody's may be called what it likes: "draft2020-12/mine".
  if (uri !== null && !METASCHEMA.test(uri) && !OWN_METASCHEMA.test(uri)) return { draft: "2020-12", isOwn: false, isKnown: false };
  if (/2020-12|openapi;version=3\.[1-9]|openapis\.org\/oas\/3\.[1-9]/.test(said)) return { draft: "2020-12", isOwn: said.includes("openapi") };
  if (said.includes("2019-09")) return { draft: "2019-09", isOwn: false };
  if (/draft-0[46]/.test(said)) return { draft: said.includes("04") ? "4" : "7", isOwn: false };
  if (said.includes("draft-07")) return { draft: "7", isOwn: false };
  if (said.includes("json-schema.org/v1")) return { draft: "2020-12", isOwn: false };
  return { draft: "7", isOwn: true, isKnown: said === "" || /asyncapi|openapi/.test(said) };
}

class Maker {
  readonly defs: JsonObject = {};
  readonly unknown: string[] = [];
  private dialect: string | null = null;
  private readonly known = new Map<JsonObject, Map<string, string>>();
  private readonly ids = new Map<JsonObject, number>();

  constructor(private readonly doc: Document, private readonly root: Json, private readonly own: Dialect,
    private readonly said?: string) {}

  /** A reference to @schema among the definitions; @skip: discriminators that are being followed. */
  private hoist(schema: JsonObject, base: Json, skip: JsonObject[], dialect: Dialect): string {
    const key = skip.map((it) => this.idOf(it)).join(",");
    let variants = this.known.get(schema);
    if (!variants) this.known.set(schema, variants = new Map());
    const known = variants.get(key);
    if (known) return known;
    const name = `s${Object.keys(this.defs).length}`;
    variants.set(key, `#/$defs/${name}`);
    this.defs[name] = true; // holds the place while what is in it is made
    this.defs[name] = this.make(schema, base, skip, dialect);
    return `#/$defs/${name}`;
  }

  private idOf(schema: JsonObject): number {
    let id = this.ids.get(schema);
    if (id === undefined) this.ids.set(schema, id = this.ids.size);
    return id;
  }

  private find(ref: string, base: Json, dialect: Dialect): Json | undefined {
    const named = /^#([^/].*)$/.exec(ref)?.[1];
    if (named) return anchorIn(base, named) ?? anchorIn(this.root, named);
    if (ref.startsWith("#")) {
      const near = !dialect.isOwn && isObject(base) ? at({ root: base }, ref) : undefined;
      return near ?? at(this.doc, ref);
    }
    const [id, rest = ""] = ref.split("#");
    const schemas = at(this.doc, "/components/schemas");
    const found = isObject(schemas) ? Object.values(schemas).find((it) => isObject(it) && it.$id === id) : undefined;
    return isObject(found) && rest ? at({ root: found }, rest) : found;
  }

  make(schema: Json, base: Json, skip: JsonObject[], dialect: Dialect): Json {
    if (!isObject(schema)) return schema === false ? false : true;
    const here = typeof schema.$schema === "string" ? dialectOf(schema, undefined) : dialect;
    if (here.isKnown === false) this.dialect ??= typeof schema.$schema === "string" ? schema.$schema : this.said ?? null;
    const inner = typeof schema.$id === "string" && !here.isOwn ? schema : base;
    const made: JsonObject = {};
    const isStatic = isObject(inner) && inner.$recursiveAnchor !== true;
    const ref = schema.$ref ?? schema.$dynamicRef ?? (isStatic && here.draft === "2019-09" ? schema.$recursiveRef : undefined);
    if (typeof ref === "string") {
      const target = this.find(ref, inner, here);
      if (isObject(target)) made.$ref = this.hoist(target, inner, skip, here);
      else if (target === false) made.not = {};
      else if (target !== true) this.unknown.push(ref);
      // Up to draft 07 nothing beside a reference counts; what it says in words is kept.
      if (here.draft === "4" || here.draft === "7")
        return typeof schema.description === "string" ? { ...made, description: schema.description } : made;
    }
    for (const [keyword, value] of Object.entries(schema)) {
      const next = IN_PLACE.has(keyword) ? skip : [];
      if (keyword === "$ref" || keyword === "$dynamicRef" || (keyword === "$recursiveRef" && made.$ref !== undefined) || DROPPED.has(keyword) || keyword === "$defs" || keyword === "definitions") continue;
      if (MAPS.has(keyword) && isObject(value)) {
        // By entries: a member may be called __proto__.
        made[keyword] = Object.fromEntries(Object.entries(value).map(([name, sub]) => [name, this.make(sub, inner, next, here)]));
      } else if ((LISTS.has(keyword) || keyword === "items") && Array.isArray(value)) {
        made[keyword] = value.map((sub) => this.make(sub, inner, next, here));
      } else if (ONES.has(keyword)) {
        made[keyword] = this.make(value, inner, next, here);
      } else if (keyword === "dependencies" && isObject(value)) {
        made[keyword] = Object.fromEntries(Object.entries(value).map(([name, sub]) =>
          [name, Array.isArray(sub) ? sub : this.make(sub, inner, skip, here)]));
      } else {
        made[keyword] = value;
      }
    }
    this.ofItsOwn(schema, made, inner, skip, here);
    return made;
  }

  private ofItsOwn(schema: JsonObject, made: JsonObject, base: Json, skip: JsonObject[], dialect: Dialect): void {
    const bits = BITS[String(schema.format)];
    const more: Json[] = [];
    if (bits) more.push({ if: { type: "number" }, then: { type: "integer", minimum: bits[0], maximum: bits[1] } });
    if (dialect.isOwn && schema.nullable === true && typeof made.type === "string") made.type = [made.type, "null"];
    const tag = isObject(schema.discriminator) ? schema.discriminator.propertyName : schema.discriminator;
    if (dialect.isOwn && typeof tag === "string" && !skip.includes(schema)) {
      const heirs = this.heirs(schema);
      for (const [value, heir] of heirs)
        if (heir !== schema)
          more.push({
            if: { properties: { [tag]: { const: value } }, required: [tag] },
            then: { $ref: this.hoist(heir, base, [...skip, schema], dialect) },
          });
      if (heirs.size > 0) more.push({ properties: { [tag]: { enum: [...heirs.keys()] } }, required: [tag] });
    }
    if (more.length > 0) made.allOf = [...(Array.isArray(made.allOf) ? made.allOf : []), ...more];
  }

  /** The schemas that a discriminator's value may name: this one, who has it in allOf, its mapping's, its oneOf's. */
  private heirs(schema: JsonObject): Map<string, JsonObject> {
    const found = new Map<string, JsonObject>();
    const put = (value: string, ref: Json | undefined) => {
      const target = typeof ref === "string" ? at(this.doc, ref.startsWith("#") ? ref : `/components/schemas/${ref}`) : undefined;
      if (isObject(target)) found.set(value, target);
    };
    const schemas = at(this.doc, "/components/schemas");
    const isOf = (it: JsonObject, depth: number): boolean => depth < 16 && Array.isArray(it.allOf) && it.allOf.some((part) => {
      const target = isObject(part) && typeof part.$ref === "string" ? at(this.doc, part.$ref) : part;
      return target === schema || (isObject(target) && isOf(target, depth + 1));
    });
    for (const [name, it] of Object.entries(isObject(schemas) ? schemas : {}))
      if (isObject(it) && (it === schema || isOf(it, 0))) found.set(name, it);
    for (const keyword of ["oneOf", "anyOf"])
      for (const part of Array.isArray(schema[keyword]) ? (schema[keyword] as Json[]) : [])
        if (isObject(part) && typeof part.$ref === "string") put(part.$ref.split("/").pop()!, part.$ref);
    if (isObject(schema.discriminator) && isObject(schema.discriminator.mapping))
      for (const [value, ref] of Object.entries(schema.discriminator.mapping)) put(value, ref);
    return found;
  }

  plain(): Plain {
    const schema = this.make(this.root, this.root, [], this.own);
    return {
      schema: isObject(schema) ? { ...schema, $defs: this.defs } : (schema as boolean),
      draft: this.own.draft,
      unknown: this.unknown,
      dialect: this.dialect,
    };
  }
}

function anchorIn(value: Json, name: string, depth = 0): JsonObject | undefined {
  if (typeof value !== "object" || value === null || depth > 64) return undefined;
  if (isObject(value) && (value.$anchor === name || value.$dynamicAnchor === name)) return value;
  for (const inner of Object.values(value)) {
    const found = anchorIn(inner, name, depth + 1);
    if (found) return found;
  }
  return undefined;
}

export function plainSchema(doc: Document, schema: Json, schemaFormat: string | undefined): Plain {
  // The schema may be a reference: its target says which dialect it is in.
  let target: Json | undefined = schema;
  for (let step = 0; step < 32 && isObject(target) && typeof target.$ref === "string" && target.$schema === undefined; step++)
    target = target.$ref.startsWith("#") ? at(doc, target.$ref) : undefined;
  return new Maker(doc, schema, dialectOf(target, schemaFormat), schemaFormat).plain();
}
