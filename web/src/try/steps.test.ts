import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntityRow } from "../broker/commands";
import type { Machine } from "../contract/machines";
import type { Channel } from "../contract/model";
import { notOffered, offeredSteps, stepTrouble } from "./steps";

const machine = {
  name: "order", correct: "correct:orders", states: [], final: [],
  steps: [{ from: null, to: "PLACED", scope: null }, { from: "PLACED", to: "APPROVED", scope: null }, { from: "PLACED", to: "CANCELLED", scope: "write:orders" },
    { from: "PLACED", to: "LOST", scope: "lose:orders" }],
} as unknown as Machine;
const channel = (send: "yes" | "own" | "no") => ({ may: { send, receive: "yes" }, entity: { id: "orderId" } }) as unknown as Channel;
const account = (more: object) => ({ principal: "ann", scopes: [], own: [], attributes: {}, ...more });
const row = (owner: string | null) => ({ owner }) as EntityRow;
const offered = (who: ReturnType<typeof account>, send: "yes" | "own" | "no", owner: string | null = "bob") =>
  offeredSteps(machine, "PLACED", who, channel(send), "1", row(owner)).filter(({ mayNot }) => mayNot === null).map(({ to }) => to);

test("who may not publish takes no step", () => {
  assert.deepEqual(offered(account({ scopes: ["read:orders"] }), "no"), []);
  assert.deepEqual(notOffered(offeredSteps(machine, "PLACED", account({}), channel("no"), "1", row(null))),
    [{ to: ["APPROVED", "CANCELLED", "LOST"], why: "it may not publish here" }]);
});

test("who may publish takes the steps without a scope, and those whose scope it has", () => {
  assert.deepEqual(offered(account({ scopes: ["write:orders"] }), "yes"), ["APPROVED", "CANCELLED"]);
  assert.deepEqual(offered(account({ scopes: ["other"], own: ["lose:orders"] }), "yes"), ["APPROVED"]);
  assert.deepEqual(offered(account({ scopes: ["other"], own: ["lose:orders"] }), "yes", "ann"), ["APPROVED", "LOST"]);
});

test("who puts a status right takes all", () => {
  assert.deepEqual(offered(account({ scopes: ["correct:orders"] }), "yes"), ["APPROVED", "CANCELLED", "LOST"]);
});

test("who may publish its own takes the steps that say so, of its own", () => {
  const own = account({ own: ["write:orders"] });
  assert.deepEqual(offered(own, "own", "ann"), ["CANCELLED"]);
  assert.deepEqual(offered(own, "own", "bob"), []);
  assert.deepEqual(offered({ ...own, attributes: { orderId: ["1"] } }, "own", "bob"), ["CANCELLED"]);
  assert.deepEqual(offered(own, "own", null), ["CANCELLED"]); // whose it is another table says
});

test("nothing is known of the account: all are offered", () => {
  assert.equal(offeredSteps(machine, null, null, channel("yes"), "1", null)[0].mayNot, null);
});

test("a status that cannot follow is told before it is sent", () => {
  const order = { ...machine, states: ["PLACED", "APPROVED", "CANCELLED", "LOST", "DELIVERED"] } as Machine;
  assert.equal(stepTrouble(order, "PLACED", "DELIVERED", account({})), "DELIVERED cannot follow PLACED: APPROVED, CANCELLED or LOST may.");
  assert.equal(stepTrouble(order, null, "APPROVED", null), "A new one begins as PLACED, not as APPROVED.");
  assert.equal(stepTrouble(order, "DELIVERED", "PLACED", null), "PLACED cannot follow DELIVERED, which is final.");
  for (const said of ["APPROVED", "PLACED", "NOPE", 7, undefined]) assert.equal(stepTrouble(order, "PLACED", said, null), null, String(said));
  assert.equal(stepTrouble(order, "PLACED", "DELIVERED", account({ scopes: ["correct:orders"] })), null);
  assert.equal(stepTrouble(order, null, "APPROVED", account({ scopes: ["correct:orders"] })), "A new one begins as PLACED, not as APPROVED.");
});
