import assert from "node:assert/strict";
import { test } from "node:test";
import { mayNothing } from "./check";
import { loadContract } from "./model";

const document = {
  asyncapi: "3.0.0", info: { title: "t", version: "1" },
  channels: { a: { address: "a/{id}", parameters: { id: {} } }, refusals: { address: "refusals/{principal}/{clientId}", parameters: { principal: {}, clientId: {} } } },
  operations: { sendA: { action: "receive", channel: { $ref: "#/channels/a" } } },
};

const contractOf = (a: [string, string]) => loadContract(JSON.stringify({
  documents: [{ document: "x", files: { x: document }, ...document }],
  may: [
    { document: 0, channel: "a", send: a[0], receive: a[1] },
    { document: 0, channel: "refusals", send: "no", receive: "own" },
  ],
}));

test("an account without a right, but to its own notices", () => assert.equal(mayNothing(contractOf(["no", "no"])), true));
test("rights that no scope gave", () => {
  assert.equal(mayNothing(contractOf(["yes", "no"])), false);
  assert.equal(mayNothing(contractOf(["no", "yes"])), false);
  assert.equal(mayNothing(contractOf(["no", "own"])), false);
});
