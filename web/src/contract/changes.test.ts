import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf } from "./changes";

test("changes are told by their place, in the order of what is there now", () => {
  assert.deepEqual(changesOf({ a: 1, b: { c: [1, 2] }, d: 0 }, { a: 1, b: { c: [1, 3, 4] }, "e/f": null }), {
    isCut: false,
    found: [
      { kind: "changed", at: "/b/c/1", from: 2, to: 3 },
      { kind: "added", at: "/b/c/2", to: 4 },
      { kind: "added", at: "/e~1f", to: null },
      { kind: "removed", at: "/d", from: 0 },
    ],
  });
  assert.deepEqual(changesOf([1], { 0: 1 }).found, [{ kind: "changed", at: "", from: [1], to: { 0: 1 } }]);
  assert.deepEqual(changesOf({ a: 1, b: 2 }, { b: 2, a: 1 }).found, []);
  assert.deepEqual(changesOf([1, 2, 3], [1]).found.map(({ at }) => at), ["/1", "/2"]);
});

test("a name that objects have by themselves is a name like any", () => {
  assert.deepEqual(changesOf({}, { constructor: 1 }).found, [{ kind: "added", at: "/constructor", to: 1 }]);
});

test("where there was none, all of it came", () => {
  assert.deepEqual(changesOf(undefined, { a: 1 }).found, [{ kind: "added", at: "", to: { a: 1 } }]);
  assert.deepEqual(changesOf(null, undefined).found, [{ kind: "removed", at: "", from: null }]);
});

test("many are cut, whether they came, went or changed", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, i]));
  for (const [before, after] of [[{}, many], [many, {}], [{ all: {} }, { all: many }]] as const) {
    const { found, isCut } = changesOf(before, after);
    assert.equal(found.length, 200);
    assert.ok(isCut);
  }
  const some = Object.fromEntries(Object.entries(many).slice(0, 200));
  assert.equal(changesOf({}, some).isCut, false);
});
