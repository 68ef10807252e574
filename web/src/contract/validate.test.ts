import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "./document";
import { placeOf, readJson } from "./jsontext";
import { makeChecker, sentence } from "./validate";

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
  assert.deepEqual(makeChecker(doc, { $ref: "#/nowhere" }, undefined)!.plain.unknown, ["#/nowhere"]);
});

test("a pattern that no browser reads is said, not thrown", () => {
  const [fault] = makeChecker(doc, { $schema: draft, pattern: "(?<!" }, undefined)!.check("x");
  assert.equal(fault.code, "schema");
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
});
