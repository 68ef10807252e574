import assert from "node:assert/strict";
import { test } from "node:test";
import type { RefusalRow } from "../broker/commands";
import { fits, fromNotice, fromRow, merge, placeOf, summaryOf, timeOfId, whoOf } from "./refusal";

const NOTICE = {
  type: "https://petstoreapi.com/errors/validation-error", title: "Validation Error", status: 422,
  detail: "expected one of PLACED, APPROVED", instance: "orders/o1/status",
  errors: [{ field: "/status", code: "enum", message: "expected one of PLACED, APPROVED" }, { field: "/x", code: "additionalProperties", message: "not allowed" }],
  reason: "schema-violation", decisionId: "06fqj3zc0w00000k", topic: "orders/o1/status", qos: 1, time: "2026-11-30T07:00:00.123Z",
};
const ROW = {
  decision_id: "06fqj3zc0w00000k", time: "2026-11-30T07:00:00.123Z", reason: "schema-violation", action: "publish", topic: "orders/o1/status",
  principal: "eva", client_id: "eva/1", observed: 0, closed: 0, address: "127.0.0.1", qos: 1, retained: 0, pointer: "/status", keyword: "enum",
  message: "expected one of PLACED, APPROVED", standing: "", payload: '{"status":"LOST"}', payload_bytes: 17,
} as RefusalRow;
const ALL = { text: "", reason: "", client: "", principal: "", topic: "", since: 0 };

test("a notice's topic says whose it is, escaped or not", () => {
  assert.deepEqual(whoOf("refusals/eva/eva%2F1"), { principal: "eva", client: "eva/1" });
  assert.deepEqual(whoOf("refusals/a%/b"), { principal: "a%", client: "b" });
});

test("a notice and a row of one refusal become one, with all faults and the payload", () => {
  const notice = fromNotice("refusals/eva/eva%2F1", JSON.stringify(NOTICE), 0)!;
  const [one, ...others] = merge([notice], [fromRow(ROW)]);
  assert.equal(others.length, 0);
  assert.equal(one.faults.length, 2);
  assert.equal(one.payload, '{"status":"LOST"}');
  assert.equal(one.client, "eva/1");
});

test("what came and what was kept is newest first", () => {
  const at = (id: string, time: string) => fromRow({ ...ROW, decision_id: id, time });
  const list = merge([{ ...at("c", "2026-11-30T07:00:02Z"), document: {} }], [at("b", "2026-11-30T07:00:03Z"), at("a", "2026-11-30T07:00:01Z")]);
  assert.deepEqual(list.map(({ id }) => id), ["b", "c", "a"]);
});

test("what is no problem document is none", () => {
  for (const payload of ["", "null", "[]", "{}", "{\"reason\":1}", "<b>"]) assert.equal(fromNotice("refusals/a/b", payload, 0), null, payload);
  assert.equal(fromNotice("refusals/a/b", '{"reason":"notices-held-back","heldBack":3,"errors":[null]}', 77)?.time, 77);
});

test("a filter takes what fits all of it", () => {
  const refusal = fromRow(ROW);
  assert.ok(fits(refusal, ALL));
  assert.ok(fits(refusal, { ...ALL, text: "LOST", topic: "orders/", principal: "eva", reason: "schema-violation" }));
  assert.ok(!fits(refusal, { ...ALL, text: "lost", client: "eva" }));
  assert.ok(!fits(refusal, { ...ALL, since: refusal.time + 1 }));
});

test("an id tells its time", () => {
  // 48 bits of ms, 20 of a count, 12 of the instance, in digits of 5 bits.
  const ms = 1_796_000_000_123;
  const bits = BigInt(ms) << 32n | 5n << 12n | 77n;
  const id = Array.from({ length: 16 }, (_, i) => "0123456789abcdefghjkmnpqrstvwxyz"[Number(bits >> BigInt(5 * (15 - i)) & 31n)]).join("");
  assert.equal(timeOfId(id), ms);
  assert.equal(timeOfId("short"), null);
  assert.equal(timeOfId("iiiiiiiiiiiiiiii"), null);
});

test("a pointer leads to its place in the text", () => {
  const payload = '{ "a/b": [1, {"c": "x\\"}"}], "d": -2.5e3 }';
  const piece = (pointer: string) => {
    const place = placeOf(payload, pointer);
    return place && payload.slice(...place);
  };
  assert.equal(piece("/a~1b/1/c"), '"x\\"}"');
  assert.equal(piece("/a~1b/0"), "1");
  assert.equal(piece("/d"), "-2.5e3");
  assert.equal(piece(""), payload);
  assert.equal(piece("/none"), null);
  for (const broken of ["", "{", '{"a', '{"a":[', "}}", "[1,,2]", '{"a" 1}']) placeOf(broken, "/a/0"); // ends, and throws nothing
});

test("the line of a refusal names the member that it is about", () => {
  const lineOf = (more: Partial<RefusalRow>) => summaryOf(fromRow({ ...ROW, ...more }));
  assert.equal(lineOf({ message: 'is "LOST"' }), 'status is "LOST"');
  assert.equal(lineOf({ pointer: "", keyword: "required", message: 'lacks the member "at"' }), 'The payload lacks the member "at"');
  assert.equal(lineOf({ keyword: "transition", message: "order is PLACED: APPROVED may follow" }), "order is PLACED: APPROVED may follow");
  assert.equal(lineOf({ pointer: "", keyword: "", message: "QoS 0 was used" }), "QoS 0 was used");
});
