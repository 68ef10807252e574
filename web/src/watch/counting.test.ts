import assert from "node:assert/strict";
import { test } from "node:test";
import { addUp, Newest, Tally } from "./counting";

test("the largest counts come first, and of equal ones the later", () => {
  const tally = new Tally();
  for (const [value, at] of [["a", 1], ["b", 2], ["b", 3], ["c", 4]] as const) tally.add(value, at);
  assert.deepEqual(tally.top(2), [
    { value: "b", count: 2, first: 2, last: 3 },
    { value: "c", count: 1, first: 4, last: 4 },
  ]);
  assert.equal(tally.total, 4);
});

test("keys without end take no memory without end, and nothing is lost from the sum", () => {
  const tally = new Tally();
  for (let i = 0; i < 100_000; i++) tally.add(`client-${i}`, i);
  assert.equal(tally.top(1_000).length, 500);
  assert.equal(tally.others, 99_500);
  assert.equal(tally.total, 100_000);
});

test("what came since is added to what the broker counted, which stays as it was", () => {
  const there = [{ value: "a", count: 5, first: 10, last: 20 }, { value: "b", count: 3, first: 1, last: 2 }];
  const sum = addUp(there, [{ value: "b", count: 4, first: 30, last: 31 }, { value: "c", count: 1, first: 5, last: 5 }], 2);
  assert.deepEqual(sum, [{ value: "b", count: 7, first: 1, last: 31 }, { value: "a", count: 5, first: 10, last: 20 }]);
  assert.equal(there[1].count, 3);
});

test("of many things the newest are kept, the others counted", () => {
  const newest = new Newest<number>(3);
  newest.add([1, 2]);
  const before = newest.items;
  newest.add([3, 4]);
  assert.deepEqual(newest.items, [4, 3, 2]);
  assert.deepEqual(before, [2, 1]);
  assert.equal(newest.dropped, 1);
  newest.add([5, 6, 7, 8, 9]);
  assert.deepEqual(newest.items, [9, 8, 7]);
  assert.equal(newest.dropped, 6);
});
