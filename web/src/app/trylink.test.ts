import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOfLink, readTryLink, tryLink } from "./trylink";

const back = (message: unknown) => readTryLink(tryLink(message as never).split("m=")[1]);

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
  assert.ok("why" in readTryLink("%%%"));
  assert.ok("why" in readTryLink(btoa("\u00ff\u00fe")));
  assert.ok("why" in readTryLink("A".repeat(3_000_000)));
  assert.equal(bytesOfLink("QQ")?.[0], 65);
});
