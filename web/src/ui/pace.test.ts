import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { paced } from "./pace";

const FRAME_MS = 16;

test("drawn at once, then at most so often, and what came last is drawn", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  try {
    const drawn: number[] = [];
    let came = 0;
    const bump = paced(() => drawn.push(came), 100, (go) => void setTimeout(go, FRAME_MS));
    const take = (ms: number) => {
      for (let i = 0; i < ms; i++) {
        came++;
        bump();
        mock.timers.tick(1);
      }
    };
    take(FRAME_MS + 1);
    assert.deepEqual(drawn, [FRAME_MS]);
    take(1000 - FRAME_MS - 1);
    assert.ok(drawn.length >= 8 && drawn.length <= 10, String(drawn));
    const pass = (ms: number) => {
      for (let i = 0; i < ms; i++) mock.timers.tick(1);
    };
    pass(200);
    assert.equal(drawn.at(-1), came);
    const before = drawn.length;
    pass(200);
    assert.equal(drawn.length, before); // nothing came
    mock.timers.setTime(500_000); // the clock is set back
    came++;
    bump();
    pass(200);
    assert.equal(drawn.at(-1), came);
  } finally {
    mock.timers.reset();
  }
});
