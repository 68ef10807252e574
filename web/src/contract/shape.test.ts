import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "./document";
import { readShape, rowsOf } from "./shape";

const read = (schema: Json, root: Record<string, Json> = {}, format?: string) => readShape({ root }, schema, format);
const names = (schema: Json, root?: Record<string, Json>) => rowsOf(read(schema, root)).map((row) => `${" ".repeat(row.depth)}${row.name}`);

test("types and limits in words", () => {
  const words = (schema: Json) => { const it = read(schema); return [it.type, ...it.limits].join(", "); };
  assert.equal(words({ type: "string", minLength: 1, maxLength: 64 }), "text, 1 to 64 characters");
  assert.equal(words({ type: ["integer", "null"], minimum: 0 }), "whole number or null, at least 0");
  assert.equal(words({ type: "integer", exclusiveMaximum: 5 }), "whole number, less than 5");
  assert.equal(words({ type: "number", minimum: 1, exclusiveMinimum: true }), "number, more than 1");
  assert.equal(words({ type: "string", format: "date-time" }), "time (RFC 3339)");
  assert.equal(words({ type: "array", items: { type: "string" }, maxItems: 1 }), "list of: text, at most 1 entry");
  assert.equal(words({ type: "string", nullable: true }), "text or null");
});

test("if and then in words", () => {
  const { rules } = read({
    if: { properties: { status: { const: "PLACED" } }, required: ["status"] }, then: { required: ["userId"] }, else: { properties: { userId: false } },
  });
  assert.deepEqual(rules, ["If `status` is `PLACED`: `userId` is required.", "Otherwise: `userId` is not there."]);
});

test("allOf is one object, oneOf are variants", () => {
  assert.deepEqual(names({
    allOf: [{ properties: { a: {} }, required: ["a"] }, { $ref: "#/x" }],
    oneOf: [{ title: "Card", properties: { n: {} } }, { title: "Bank", properties: { iban: {} } }],
  }, { x: { properties: { b: {} } } }), ["a", "b", "Exactly one of these", " Card", "  n", " Bank", "  iban"]);
});

test("a schema that refers to itself ends", () => {
  const tree: Json = { title: "Node", type: "object", properties: { value: {}, children: { type: "array", items: { $ref: "#/tree" } } } };
  const rows = rowsOf(read({ $ref: "#/tree" }, { tree }));
  assert.deepEqual(rows.map(({ name }) => name), ["value", "children"]);
  assert.equal(rows[1].shape.type, "list of: Node");
  assert.deepEqual(names({ $id: "urn:a", properties: { next: { $ref: "#" } } }), ["next"]);
  assert.deepEqual(names({ $ref: "#/a" }, { a: { $ref: "#/a" } }), []);
});

test("beside a $ref nothing holds before 2019-09, but for what describes", () => {
  const root = { s: { type: "string" } };
  assert.deepEqual(read({ $ref: "#/s", description: "d", maxLength: 3 }, root).limits, []);
  assert.equal(read({ $ref: "#/s", description: "d", maxLength: 3 }, root).description, "d");
  assert.deepEqual(read({ $ref: "#/s", maxLength: 3 }, root, "application/schema+json;version=2020-12").limits, ["at most 3 characters"]);
});

test("anchors, missing references, other members, dependencies", () => {
  assert.equal(read({ $id: "urn:a", $defs: { x: { $anchor: "here", type: "boolean" } }, properties: { m: { $ref: "#here" } } }).members[0].shape.type, "true or false");
  assert.equal(read({ $ref: "#/nowhere" }).type, "unknown: #/nowhere");
  assert.equal(read({ additionalProperties: { type: "string" }, patternProperties: { "^x-": {} } }).others, "members whose names match `^x-`: anything; other members: text");
  assert.deepEqual(read({ dependencies: { a: ["b"] } }).rules, ["With `a`: `b` is required."]);
  assert.deepEqual(read({ anyOf: [{ required: ["a"] }, { required: ["b"] }] }).rules, ["At least one of these: `a` is there or `b` is there."]);
  assert.deepEqual(read({ not: { pattern: "^[0-9]+$" } }).rules, ["Not: anything, matches `^[0-9]+$`."]);
});

test("members that only an example has a value for", () => {
  const [row] = rowsOf(read({ properties: { id: { type: "string" } } }), { id: "o-1" });
  assert.equal(row.example, "o-1");
});

test("schemas that use each other many times over are bounded", () => {
  const root: Record<string, Json> = {};
  for (let i = 0; i < 12; i++) root[`s${i}`] = { properties: Object.fromEntries(Array.from({ length: 12 }, (_, k) => [`m${k}`, { $ref: `#/s${i + 1}` }])) };
  assert.ok(rowsOf(read({ $ref: "#/s0" }, root)).length <= 2000);
});
