import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json, JsonObject } from "./document";
import { placeOf, readJson } from "./jsontext";
import { makeChecker, sentence, Unsure } from "./validate";

const draft = "https://json-schema.org/draft/2020-12/schema";
const doc = {
  root: {
    components: {
      schemas: {
        id: { $schema: draft, type: "string", pattern: "^[a-z0-9]{1,4}$" },
        order: {
          $schema: draft,
          type: "object",
          properties: {
            orderId: { $ref: "#/components/schemas/id" },
            status: { enum: ["PLACED", "SHIPPED"] },
            at: { type: "string", format: "date-time" },
            items: { type: "array", items: { $ref: "#/components/schemas/item" }, maxItems: 2 },
          },
          required: ["orderId", "status"],
          if: { properties: { status: { const: "PLACED" } }, required: ["status"] },
          then: { required: ["at"] },
          additionalProperties: false,
        },
        item: { $schema: draft, type: "object", properties: { n: { type: "integer", minimum: 1 }, more: { $ref: "#/components/schemas/item" } } },
        Pet: { type: "object", discriminator: "kind", properties: { kind: { type: "string" } }, required: ["kind"] },
        Cat: { allOf: [{ $ref: "#/components/schemas/Pet" }, { type: "object", properties: { lives: { type: "integer" } }, required: ["lives"] }] },
        sized: { type: "integer", format: "int8" },
      },
    },
  } as JsonObject,
};

const URIS: Record<string, string> = {
  draft4: "http://json-schema.org/draft-04/schema#", draft6: "http://json-schema.org/draft-06/schema#", draft7: "http://json-schema.org/draft-07/schema#",
  "draft2019-09": "https://json-schema.org/draft/2019-09/schema", "draft2020-12": "https://json-schema.org/draft/2020-12/schema", v1: "https://json-schema.org/v1",
};
interface Group { description: string; schema: Json; tests: { description: string; data: Json; valid: boolean }[] }

/** The mandatory cases of a draft's folder. */
function againstSuite(folder: string, uri: string): { same: number; unsure: number; other: string[] } {
  const told = { same: 0, unsure: 0, other: [] as string[] };
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")))
    for (const { description, schema, tests } of JSON.parse(readFileSync(join(folder, file), "utf8")) as Group[]) {
      const checker = makeChecker({ root: {} }, typeof schema === "object" ? { $schema: uri, ...(schema as JsonObject) } : schema, `application/schema+json;version=${uri}`)!;
      for (const one of tests) {
        let isValid: boolean | null = null;
        try {
          isValid = checker.unsure ? null : checker.check(one.data).length === 0;
        } catch (error) {
          assert.ok(error instanceof Unsure);
        }
        // Formats are an assertion here, as they are for the broker.
        if (isValid === null) told.unsure++;
        else if (isValid === one.valid || (one.valid && /by default/.test(one.description))) told.same++;
        else told.other.push(`${file}: ${description}: ${one.description}`);
      }
    }
  return told;
}

const faultsOf = (name: string, value: unknown) =>
  makeChecker(doc, { $ref: `#/components/schemas/${name}` }, undefined)!.check(value as never).map((it) => `${it.field} ${it.code}: ${it.message}`);

test("a payload that fits has no fault", () => {
  assert.deepEqual(faultsOf("order", { orderId: "a1", status: "SHIPPED" }), []);
});

test("each fault at its place, in the broker's words", () => {
  assert.deepEqual(faultsOf("order", { orderId: "A", status: "NO", foo: 1, at: 3 }), [
    "/orderId pattern: is \"A\", which does not match ^[a-z0-9]{1,4}$",
    "/status enum: is \"NO\", expected one of \"PLACED\", \"SHIPPED\"",
    "/at type: is 3, expected type string",
    "/foo additionalProperties: is not allowed: no member is called \"foo\"",
  ]);
});

test("what is missing is named, also what then asks for", () => {
  assert.deepEqual(faultsOf("order", { status: "PLACED" }).sort(), ["/at required: is missing", "/orderId required: is missing"]);
});

test("schemas that hold themselves, items, numbers", () => {
  assert.deepEqual(faultsOf("order", { orderId: "a", status: "SHIPPED", items: [{ n: 0 }, { more: { n: 1.5 } }, {}] }).sort(), [
    "/items maxItems: has too many items: at most 2",
    "/items/0/n minimum: is 0, expected at least 1",
    "/items/1/more/n type: is 1.5, expected type integer",
  ]);
});

test("AsyncAPI's discriminator: the schema that the value names holds, others are no value", () => {
  assert.deepEqual(faultsOf("Pet", { kind: "Cat", lives: 9 }), []);
  assert.deepEqual(faultsOf("Pet", { kind: "Cat" }), ["/lives required: is missing"]);
  assert.deepEqual(faultsOf("Pet", { kind: "Dog" }), ["/kind enum: is \"Dog\", expected one of \"Pet\", \"Cat\""]);
});

test("of several branches the nearest one's faults are told", () => {
  const schema = { oneOf: [{ type: "string" }, { type: "object", properties: { a: { type: "string" } }, required: ["a", "b"] }] };
  const checker = makeChecker(doc, { $schema: draft, ...schema }, undefined)!;
  assert.deepEqual(checker.check({ a: "x" }).map(({ field, code }) => field + code), ["/brequired"]);
  assert.deepEqual(checker.check(3).map(({ code }) => code), ["oneOf"]);
});

test("in AsyncAPI's dialect nothing beside a reference counts, and its formats do", () => {
  const beside = { $ref: "#/components/schemas/sized", maximum: 3 };
  assert.deepEqual(makeChecker(doc, beside, undefined)!.check(100), []);
  assert.deepEqual(makeChecker(doc, beside, undefined)!.check(200).map(({ code }) => code), ["maximum"]);
});

test("a member called __proto__, a deep reference that leads nowhere", () => {
  const read = readJson('{"__proto__": 1}');
  assert.ok(Object.hasOwn(read.value as object, "__proto__"));
  assert.deepEqual(makeChecker(doc, { $ref: "#/nowhere" }, undefined)!.check(1), []);
  assert.match(makeChecker(doc, { $ref: "#/nowhere" }, undefined)!.unsure ?? "", /cannot be checked here.*#\/nowhere/);
  const own = makeChecker(doc, { $schema: draft, properties: JSON.parse('{"__proto__": {"type": "number"}}') as JsonObject }, undefined)!;
  assert.deepEqual(own.check(readJson('{"__proto__": "x"}').value!).map(({ field }) => field), ["/__proto__"]);
});

test("what can't be checked is neither right nor wrong", () => {
  assert.throws(() => makeChecker(doc, { $schema: draft, pattern: "(?<!" }, undefined)!.check("x"), Unsure);
  for (const [schema, format] of [[{ $schema: "https://example.org/own", type: "string" }, undefined], [{ type: "string" }, "application/x-own"],
    [{ properties: { a: { $schema: "urn:own" } } }, undefined]] as const) {
    const checker = makeChecker(doc, schema as JsonObject, format)!;
    assert.match(checker.unsure ?? "", /cannot be checked here.*dialect/);
    assert.deepEqual(checker.check(3), []);
  }
  for (const format of ["application/vnd.aai.asyncapi;version=3.0.0", "application/vnd.oai.openapi;version=3.0.3", "application/schema+json;version=draft-06"])
    assert.equal(makeChecker(doc, { type: "string" }, format)!.unsure, null);
});

test("members that others ask for, up to draft 07 and after", () => {
  for (const keyword of ["dependencies", "dependentRequired"]) {
    const checker = makeChecker(doc, { $schema: keyword === "dependencies" ? "http://json-schema.org/draft-07/schema#" : draft, [keyword]: { a: ["b", "c/d"] } }, undefined)!;
    assert.deepEqual(checker.check({ a: 1 }).map(({ field, message }) => `${field} ${message}`), ["/b is missing", "/c~1d is missing"]);
    assert.deepEqual(checker.check({ b: 1 }), []);
  }
});

test("a schema of 2019-09 that refers to itself", () => {
  const checker = makeChecker(doc, { $schema: "https://json-schema.org/draft/2019-09/schema", properties: { foo: { $recursiveRef: "#" } }, additionalProperties: false }, undefined)!;
  assert.deepEqual(checker.check({ foo: { foo: {} } }), []);
  assert.deepEqual(checker.check({ foo: { bar: 1 } }).map(({ field }) => field), ["/foo/bar"]);
});

// SHARED has JSON Schema's official cases; without it there is nothing to hold against.
const suite = process.env.SHARED ? join(process.env.SHARED, "json-schema-suite/tests") : "";
const cases = ["draft4", "draft6", "draft7", "draft2019-09", "draft2020-12", "v1"];
test("the official cases: what is told is right, but for what is known", { skip: !existsSync(suite) }, () => {
  for (const name of cases) {
    const found = againstSuite(join(suite, name), URIS[name]);
    console.log(`${name}: ${found.same} as they should be, ${found.unsure} not checked, ${found.other.length} other`);
    assert.deepEqual(found.other, []);
    assert.ok(found.same > 450 && found.unsure < found.same / 5, `${found.same} and ${found.unsure}`);
  }
});

test("the text's faults and places", () => {
  const text = '{\n  "a": {"b": [1, "x"]}\n}';
  const read = readJson(text);
  assert.equal(read.fault, null);
  const at = (pointer: string) => {
    const { from, to } = placeOf(read, pointer);
    return text.slice(from, to);
  };
  assert.equal(at("/a/b/1"), '"x"');
  assert.equal(at("/a/b"), '"b": [1, "x"]');
  assert.equal(at("/a/c"), '"a"');
  assert.equal(at("/z"), "{");
  for (const [bad, words] of [["{", "name"], ['{"a":1,"a":2}', "twice"], ['{"a" 1}', "colon"], ["[1 2]", "comma"], ["nul", "no JSON"],
    ["1 2", "follow"], ['"a\n"', "end"], ["", "missing"], ["1e999", "large"], ["01", "follow"]] as const)
    assert.match(readJson(bad).fault?.message ?? "none", new RegExp(words), bad);
});

test("a fault as a sentence", () => {
  assert.equal(sentence({ field: "/a~1b/c", code: "x", message: "is missing" }), "a/b/c is missing");
  assert.equal(sentence({ field: "", code: "x", message: "is 3" }), "The payload is 3");
  for (const code of ["transition", "step", "repeat", "owner"])
    assert.equal(sentence({ field: "/status", code, message: "order is PLACED" }), "order is PLACED");
  assert.equal(sentence({ field: "/petId", code: "x", message: 'petId is "a" in the topic' }), 'petId is "a" in the topic');
});
