import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, type Step } from "./paging";

interface Page { rows: number[]; next: string | null }

/** Pages by what they are behind, and what became of them. */
async function run(pages: Record<string, Page>, after: string | null = null, most = 99): Promise<Step<Page>[]> {
  const steps: Step<Page>[] = [];
  await follow(async (_, at) => pages[at ?? "first"], (page) => page.rows, after, (step) => steps.push(step) < most);
  return steps;
}

test("a page with something ends it, and so does the last one", async () => {
  assert.deepEqual((await run({ first: { rows: [1], next: "a" } })).map(({ empty, isGoingOn, isFirst }) => [empty, isGoingOn, isFirst]), [[0, false, true]]);
  assert.deepEqual((await run({ first: { rows: [], next: null } })).map(({ empty, isGoingOn }) => [empty, isGoingOn]), [[0, false]]);
});

test("a page with nothing is followed by the next one", async () => {
  const pages = { first: { rows: [], next: "a" }, a: { rows: [], next: "b" }, b: { rows: [2], next: "c" } };
  assert.deepEqual((await run(pages)).map(({ empty, isGoingOn, isFirst }) => [empty, isGoingOn, isFirst]), [[1, true, true], [2, true, false], [0, false, false]]);
  assert.equal((await run(pages, "a"))[0].isFirst, false);
  assert.equal((await run(pages, null, 1)).length, 1); // nobody wants more
});

test("not without end", async () => {
  const steps = await run({ first: { rows: [], next: "a" }, a: { rows: [], next: "a" } });
  assert.equal(steps.length, 30);
  assert.deepEqual([steps[29].empty, steps[29].isGoingOn], [30, false]);
});

test("one that is too large is asked for in halves, any other failure is the asker's", async () => {
  const limits: number[] = [];
  const fail = (code: string) => Object.assign(new Error(code), { code });
  await follow(async (limit) => {
    limits.push(limit);
    if (limit > 12) throw fail("too-large");
    return { rows: [1], next: null };
  }, (page) => page.rows, null, () => true);
  assert.deepEqual(limits, [50, 25, 12]);
  await assert.rejects(follow<Page>(async () => { throw fail("too-large"); }, (page) => page.rows, null, () => true));
  await assert.rejects(follow<Page>(async () => { throw fail("busy"); }, (page) => page.rows, null, () => true), /busy/);
});
