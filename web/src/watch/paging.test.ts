import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, Pager, type Step } from "./paging";

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

// ---- a list as it is on the page -------------------------------------------------------------

/** Pages of two rows, 1 2, 3 4, ... @last; answered when the test says so. */
function list(last: number) {
  const waiting: { after: string | null; answer: () => void; fail: (code: string) => void }[] = [];
  const ask = (_: number, after: string | null) => new Promise<Page>((resolve, reject) => {
    const from = Number(after ?? 0);
    const rows = [from + 1, from + 2].filter((it) => it <= last);
    waiting.push({
      after, answer: () => resolve({ rows, next: from + 2 < last ? String(from + 2) : null }),
      fail: (code) => reject(Object.assign(new Error(code), { code })),
    });
  });
  const turn = () => new Promise((done) => setImmediate(done));
  /** Answers what waits, until nothing does. */
  const settle = async () => {
    for (await turn(); waiting.length > 0; await turn()) waiting.shift()!.answer();
  };
  return { ask, waiting, settle, turn };
}

const pagerOf = (shown: number[][] = []) => new Pager<number, Page>((page) => page.rows, ({ rows }) => shown.push(rows));

test("a list: its first page, and one more each time", async () => {
  const { ask, settle } = list(5);
  const pager = pagerOf();
  pager.begin("other", ask);
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.next, pager.known.isAsking], [[1, 2], "2", false]);
  pager.more();
  await settle();
  pager.more();
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.next], [[1, 2, 3, 4, 5], null]);
  pager.more();
  assert.equal(pager.known.isAsking, false); // that was all
});

test("a page that is on its way is not lost where the list is asked for again", async () => {
  const { ask, waiting, settle, turn } = list(9);
  const pager = pagerOf();
  pager.begin("other", ask);
  await settle();
  pager.more();
  const late = waiting.shift()!;
  pager.begin("again", ask); // after a reconnection
  late.answer();
  await turn();
  assert.deepEqual(pager.known.rows, [1, 2]); // from an earlier question
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.next, pager.known.isAsking], [[1, 2, 3, 4], "4", false]);
});

test("a page that is wanted while others are asked for comes, too", async () => {
  const { ask, settle } = list(9);
  const pager = pagerOf();
  pager.begin("other", ask);
  await settle();
  pager.begin("again", ask);
  pager.more();
  await settle();
  assert.deepEqual(pager.known.rows, [1, 2, 3, 4]);
});

test("asked for again it is as long as it was, and never shorter meanwhile; anew it is the first page", async () => {
  const { ask, settle } = list(9);
  const shown: number[][] = [];
  const pager = pagerOf(shown);
  pager.begin("other", ask);
  await settle();
  pager.more();
  await settle();
  shown.length = 0;
  pager.begin("again", ask);
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.next], [[1, 2, 3, 4], "4"]);
  assert.ok(shown.every((rows) => rows.length === 4), JSON.stringify(shown));
  pager.begin("anew", ask);
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.next], [[1, 2], "2"]);
  pager.begin("other", ask);
  assert.deepEqual(pager.known.rows, []);
});

test("where the broker stays busy it is said, and the page can be asked for again", async () => {
  const { ask, waiting, settle, turn } = list(9);
  const pager = pagerOf();
  pager.begin("other", ask);
  await settle();
  pager.more();
  waiting.shift()!.fail("busy");
  await turn();
  assert.deepEqual([pager.known.rows, pager.known.error?.code, pager.known.isAsking], [[1, 2], "busy", false]);
  pager.more();
  await settle();
  assert.deepEqual([pager.known.rows, pager.known.error], [[1, 2, 3, 4], null]);
});

test("nobody looks any more: nothing is shown, and nothing asked for", async () => {
  const { ask, waiting, turn } = list(9);
  const shown: number[][] = [];
  const pager = pagerOf(shown);
  pager.begin("other", ask);
  pager.end();
  shown.length = 0;
  waiting.shift()!.answer();
  await turn();
  assert.deepEqual([shown, waiting.length], [[], 0]);
});
