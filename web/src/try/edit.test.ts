import assert from "node:assert/strict";
import { test } from "node:test";
import { makeChecker } from "../contract/validate";
import { freshen, setAt } from "./edit";

test("a value is changed in its place, a new member goes to the end", () => {
  assert.equal(setAt('{ "a": 1,\n  "b": {"c": 2} }', "/b/c", "x"), '{ "a": 1,\n  "b": {"c": "x"} }');
  assert.equal(setAt('{\n  "a": 1\n}', "/b", 2), '{\n  "a": 1,\n  "b": 2\n}');
  assert.equal(setAt('{"a": 1}', "/b", 2), '{"a": 1, "b": 2}');
  assert.equal(JSON.stringify(JSON.parse(setAt("{}", "/b", 2))), '{"b":2}');
  assert.equal(setAt("[1]", "/b", 2), "[1]");
  assert.equal(setAt("{ broken", "/b", 2), "{ broken");
});

test("times become now, and nothing else does", () => {
  const schema = { $schema: "https://json-schema.org/draft/2020-12/schema", properties: { at: { type: "string", format: "date-time" }, x: { type: "string" } } };
  const { plain } = makeChecker({ root: {} }, schema, undefined)!;
  assert.equal(freshen('{"x": "2026-01-01T00:00:00Z", "at": "2026-01-01T00:00:00Z"}', plain, new Date(0)),
    '{"x": "2026-01-01T00:00:00Z", "at": "1970-01-01T00:00:00.000Z"}');
});
