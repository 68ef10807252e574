import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, growth, isFlat, lasting, perMinute, rateOf, sumOf, Table, thin, ticks } from "./series";

test("a counter becomes a rate, and a restart or a gap is no rate", () => {
  const times = [0, 10_000, 20_000, 30_000, 100_000, 110_000];
  const values = [100, 150, 150, 7, 17, 27];
  assert.deepEqual(rateOf({ times, values }, 30_000).values, [null, 5, 0, null, null, 1]);
});

test("what was not known makes no rate on either side of it", () => {
  assert.deepEqual(rateOf({ times: [0, 1000, 2000, 3000], values: [1, null, 3, 4] }, 9000).values, [null, null, null, 1]);
});

test("counters are added up where all of them are known", () => {
  const times = [1, 2, 3];
  assert.deepEqual(sumOf([{ times, values: [1, 2, null] }, { times, values: [10, 20, 30] }]), { times, values: [11, 22, null] });
});

test("what grew within a minute", () => {
  const times = Array.from({ length: 9 }, (_, i) => i * 10_000);
  assert.deepEqual(perMinute({ times, values: [5, 6, 6, 8, 8, 8, 8, 8, 9] }, 30_000).values, [null, 1, 1, 3, 3, 3, 3, 2, 3]);
  // After a restart it begins anew, and the restart itself is no growth.
  assert.deepEqual(perMinute({ times, values: [5, 9, 1, 2, null, null, null, null, 7] }, 30_000).values, [null, 4, null, 5, null, null, null, null, null]);
});

test("flat is what is 0 or not known", () => {
  assert.ok(isFlat({ times: [1, 2], values: [0, null] }));
  assert.ok(!isFlat({ times: [1, 2], values: [0, 0.1] }));
});

test("growth leaves restarts out", () => {
  assert.equal(growth({ times: [1, 2, 3, 4, 5], values: [10, 30, null, 2, 5] }), 23);
  assert.equal(growth({ times: [], values: [] }), 0);
});

test("a table forgets the oldest rows, and new numbers were not known before", () => {
  const table = new Table(3);
  for (let i = 1; i <= 4; i++) table.add(i, new Map(i < 3 ? [["a", i]] : [["a", i], ["b", 10 * i]]));
  assert.deepEqual(table.series("a"), { times: [2, 3, 4], values: [2, 3, 4] });
  assert.deepEqual(table.series("b").values, [null, 30, 40]);
  assert.deepEqual(table.series("none").values, [null, null, null]);
  table.add(4, new Map([["a", 99]]));
  assert.equal(table.last("a"), 4);
});

test("rows that come faster than a step take no room for others", () => {
  const table = new Table(100, 10);
  for (let time = 0; time <= 45; time++) table.add(time, new Map([["a", time]]));
  assert.deepEqual(table.times, [0, 9, 18, 27, 36, 45]);
  assert.equal(table.last("a"), 45);
});

test("ticks are round, begin at 0 and reach the highest value", () => {
  assert.deepEqual(ticks(0, false), [0, 1]);
  assert.deepEqual(ticks(1, true), [0, 1]);
  assert.deepEqual(ticks(3, true), [0, 1, 2, 3]);
  assert.deepEqual(ticks(0.07, false), [0, 0.02, 0.04, 0.06, 0.08]);
  for (const max of [1e-3, 0.5, 2, 7, 99, 101, 12_345, 3e9]) {
    for (const isWhole of [false, true]) {
      const found = ticks(max, isWhole);
      assert.ok(found.length >= 2 && found.length <= 6, `${max}: ${found}`);
      assert.ok(found.at(-1)! >= max, `${max}: ${found}`);
      if (isWhole) assert.ok(found.every(Number.isInteger), `${max}: ${found}`);
    }
  }
});

test("thinning keeps the peaks", () => {
  const values = Array.from({ length: 360 }, (_, i) => (i === 123 ? 1000 : i % 7));
  const thinned = thin({ times: values.map((_, i) => i), values }, 90);
  assert.equal(thinned.times.length, 90);
  assert.equal(thinned.values[thinned.times.indexOf(123)], 1000);
});

test("sizes and times in words", () => {
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(16_777_216), "16.78 MB");
  assert.equal(lasting(59), "59 s");
  assert.equal(lasting(61), "1 min 1 s");
  assert.equal(lasting(7260), "2 h 1 min");
  assert.equal(lasting(90_000), "1 day 1 h");
});
