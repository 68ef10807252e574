import assert from "node:assert/strict";
import { test } from "node:test";
import { makeChecker } from "../contract/validate";
import { freshen, setAt } from "./edit";
import { bytesOfLink, readPrepared, linkOf } from "./link";

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

const back = (message: unknown) => readPrepared(linkOf(message as never).split("m=")[1]);

test("a link brings back what was put in", () => {
  const message = { topic: "a/b", payload: '{"ä": "</script>"}', qos: 2 as const, retain: true, properties: { contentType: "x/y", userProperties: [["a", "b"]] } };
  assert.deepEqual(back(message), { message });
  assert.deepEqual(back({ channel: "orders", values: { id: "1" } }), { message: { channel: "orders", values: { id: "1" } } });
});

test("a hostile link does nothing: types are checked, sizes bounded, what is unknown is left out", () => {
  assert.deepEqual(back({ topic: "a", onload: "alert(1)", __proto__: { x: 1 } }), { message: { topic: "a" } });
  for (const bad of [{ topic: 3 }, { qos: 7 }, { retain: "yes" }, { values: { a: 1 } }, { values: [] }, { payload: {} }, { properties: { contentType: 1 } },
    { properties: { userProperties: [["a"]] } }, [], "x", null])
    assert.ok("why" in back(bad), JSON.stringify(bad));
  assert.ok("why" in readPrepared("%%%"));
  assert.ok("why" in readPrepared(btoa("\u00ff\u00fe")));
  assert.ok("why" in readPrepared("A".repeat(3_000_000)));
  assert.equal(bytesOfLink("QQ")?.[0], 65);
});
