import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceOf, lineDiff } from "./diff";

const of = (a: string, b: string) => differenceOf(a, b, [a.length, b.length]);

test("JSON by member, whatever the order and the spaces", () => {
  assert.deepEqual(of('{"a":1,"b":[1,2],"c":{"d":true}}', '{ "c": {"d":false}, "b":[1,2,3], "e": null }'), {
    as: "json", isCut: false,
    changes: [
      { kind: "changed", at: "/c/d", from: true, to: false },
      { kind: "added", at: "/b/2", to: 3 },
      { kind: "added", at: "/e", to: null },
      { kind: "removed", at: "/a", from: 1 },
    ],
  });
  assert.deepEqual(of('{"a":1,"b":2}', '{"b":2, "a":1}'), { as: "same" });
});

test("other text by line", () => {
  const found = of("a\nb\nc", "a\nx\nc\nd");
  assert.ok(found.as === "text");
  assert.deepEqual(found.lines.map(({ kind, text }) => kind[0] + text), ["sa", "rb", "ax", "sc", "ad"]);
  assert.deepEqual(lineDiff(["x"], ["x"]), [{ kind: "same", text: "x" }]);
});

test("bytes, and what is long, by size", () => {
  assert.deepEqual(differenceOf(null, "a", [3, 1]), { as: "bytes", from: 3, to: 1 });
  const long = "x".repeat(200_000);
  assert.equal(differenceOf(long, `${long}y`, [1, 2]).as, "bytes");
  assert.equal(differenceOf(long, long, [1, 1]).as, "same");
});
