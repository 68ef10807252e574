import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../broker/commands";
import { loadContract } from "../contract/model";
import { stepsOf, wayOf } from "./path";

const contract = loadContract(JSON.stringify({
  documents: [{
    info: { title: "t", version: "1" },
    channels: {
      status: { address: "orders/{id}/status", "x-entity": { entity: "order", id: "id", columns: { status: "/status" } } },
      payment: { address: "orders/{id}/payment", "x-entity": { entity: "order", id: "id", columns: { payment_status: "/status" } } },
    },
  }],
  may: [],
}));
let seq = 0;
const event = (topic: string, payload: string, overruled = 0): Event =>
  ({ seq: ++seq, topic, payload, publisher: "p", client_id: "c", received_at: `2026-11-30T07:00:0${seq % 10}Z`, overruled });
const status = (name: string, overruled = 0) => event("orders/1/status", `{"status":"${name}"}`, overruled);

test("the way of one column leaves other channels' events out", () => {
  const events = [status("PLACED"), event("orders/1/payment", '{"status":"PENDING"}'), status("APPROVED"), status("APPROVED")];
  assert.deepEqual(wayOf(contract, events, "status").map((stop) => stop.status), ["PLACED", "APPROVED"]);
  assert.deepEqual(wayOf(contract, events, "payment_status").map((stop) => stop.status), ["PENDING"]);
});

test("what was overruled is shown, and is no step", () => {
  const way = wayOf(contract, [status("PLACED"), status("CANCELLED", 1), status("APPROVED")], "status");
  assert.deepEqual(way.map(({ isOverruled }) => isOverruled), [false, true, false]);
  assert.deepEqual(stepsOf(way), [[null, "PLACED"], ["PLACED", "APPROVED"]]);
});

test("payloads that are no JSON, or have no status, are no stops", () => {
  assert.deepEqual(wayOf(contract, [event("orders/1/status", "{"), event("orders/1/status", "null"), event("orders/1/status", '{"status":7}'), event("x", "{}")], "status"), []);
});
