import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, readMachines } from "./machines";

const root = {
  "x-state-machines": {
    order: {
      first: ["PLACED"],
      next: { PLACED: ["APPROVED", { to: "CANCELLED", scope: "cancel:orders" }], APPROVED: ["SHIPPED"] },
      longest: { PLACED: 60 },
      correct: "correct:orders",
    },
  },
};

test("a machine's statuses, steps and ends", () => {
  const [machine] = readMachines({ root }, 0);
  assert.deepEqual(machine.states, ["PLACED", "APPROVED", "CANCELLED", "SHIPPED"]);
  assert.deepEqual(machine.final, ["CANCELLED", "SHIPPED"]);
  assert.deepEqual(follow(machine, null), ["PLACED"]);
  assert.deepEqual(follow(machine, "PLACED"), ["APPROVED", "CANCELLED"]);
  assert.equal(machine.steps.find(({ to }) => to === "CANCELLED")?.scope, "cancel:orders");
  assert.equal(machine.longest.PLACED, 60);
  assert.equal(machine.correct, "correct:orders");
});

test("a document without machines has none", () => {
  assert.deepEqual(readMachines({ root: {} }, 0), []);
});
