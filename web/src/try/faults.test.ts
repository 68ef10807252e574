import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../contract/document";
import { readJson } from "../contract/jsontext";
import { makeChecker, type Fault } from "../contract/validate";
import { marksOf, toldOf } from "./faults";
import { distance, nearest } from "./meant";

const schema = {
  type: "object", required: ["orderId", "status"], additionalProperties: false,
  properties: {
    orderId: { type: "string" }, status: { enum: ["PLACED", "APPROVED", "SHIPPED"] }, quantity: { type: "integer" },
    lines: { type: "array", items: { type: "object", required: ["productId"], properties: { productId: {}, kind: { const: "gift" } } } },
  },
};
const checker = makeChecker({ root: {} }, schema, undefined)!;

function told(text: string, brokers: Fault[] = []) {
  const read = readJson(text);
  return { read, list: toldOf(checker.plain, read.value, checker.check(read.value as Json), brokers) };
}

/** The text after its first mend. */
function mended(text: string): string {
  const { read, list } = told(text);
  const mend = marksOf(read, list).find((it) => it.mend)?.mend;
  return mend ? text.slice(0, mend.from) + mend.insert + text.slice(mend.to) : text;
}

test("how far words are from each other", () => {
  for (const [a, b, far] of [["a", "a", 0], ["ab", "ba", 1], ["orderid", "orderId", 1], ["odrerIdd", "orderId", 2], ["kitten", "sitting", 3], ["", "ab", 2]] as const)
    assert.equal(distance(a, b, 3), far, `${a} ${b}`);
  assert.equal(distance("a", "abcdef", 2), 3);
  assert.equal(nearest("ordrId", ["status", "orderId", "orderIds"]), "orderId");
  assert.equal(nearest("order_id", ["orderId"]), "orderId");
  assert.equal(nearest("ORDERID", ["orderId"]), "orderId");
  assert.equal(nearest("id", ["qty", "it"]), "it");
  assert.equal(nearest("id", ["at"]), null); // two of two letters are another word
  assert.equal(nearest("weight", ["orderId"]), null);
});

test("a misspelt member: what was meant, once, and one change puts it right", () => {
  const text = '{\n  "odrerId": "1",\n  "status": "PLACED"\n}';
  const { list } = told(text);
  assert.deepEqual(list.map(({ words }) => words), ['odrerId is not allowed: no member is called "odrerId": did you mean “orderId”?']);
  assert.equal(mended(text), '{\n  "orderId": "1",\n  "status": "PLACED"\n}');
});

test("a member that is there already was not meant", () => {
  const { list } = told('{"orderId":"1","odrerId":"1","status":"PLACED"}');
  assert.deepEqual(list.map(({ meant }) => meant), [null]);
});

test("a misspelt value of an enum, and of a const", () => {
  assert.equal(mended('{"orderId":"1","status":"SHIPED"}'), '{"orderId":"1","status":"SHIPPED"}');
  assert.equal(mended('{"orderId":"1","status":"placed"}'), '{"orderId":"1","status":"PLACED"}');
  assert.equal(mended('{"orderId":"1","status":"NOPE"}'), '{"orderId":"1","status":"NOPE"}');
  assert.equal(mended('{"orderId":"1","status":"PLACED","lines":[{"productId":1,"kind":"gfit"}]}'), '{"orderId":"1","status":"PLACED","lines":[{"productId":1,"kind":"gift"}]}');
});

test("where other members are allowed, the missing one names the one that is spelt like it", () => {
  const text = '{"orderId":"1","status":"PLACED","lines":[{"productID":1}]}';
  assert.deepEqual(told(text).list.map(({ words }) => words), ["lines/0/productId is missing: did you mean “productId”, where it says “productID”?"]);
  assert.equal(mended(text), '{"orderId":"1","status":"PLACED","lines":[{"productId":1}]}');
});

test("the broker and the page say the same: once, as the broker's", () => {
  const text = '{"odrerId":"1","status":"SHIPED","quantity":"x"}';
  const brokers = [
    { field: "", code: "required", message: "lacks the member \"orderId\"" },
    { field: "/odrerId", code: "additionalProperties", message: "is not allowed: no member is called \"odrerId\"" },
    { field: "/status", code: "enum", message: "is \"SHIPED\", expected one of \"PLACED\"" },
    { field: "/updatedAt", code: "time", message: "is long ago" },
  ];
  const { list } = told(text, brokers);
  assert.deepEqual(list.map(({ fault, isBrokers, meant }) => [fault.field, isBrokers, meant?.text ?? null].join(" ")).sort(), [
    "/odrerId true orderId", "/quantity false ", "/status true SHIPPED", "/updatedAt true ",
  ]);
  const missing = told('{"status":"PLACED"}', [{ field: "/orderId", code: "id-mismatch", message: "is missing, and the topic says \"1\"" }]);
  assert.equal(missing.list.length, 1);
  const lacks = told('{"status":"PLACED"}', [{ field: "", code: "required", message: 'lacks the member "orderId"' }]);
  assert.deepEqual(lacks.list.map(({ words, isBrokers }) => [words, isBrokers]), [["orderId is missing", true]]);
  const needs = told('{"orderId":"1","status":"PLACED"}', [{ field: "", code: "dependentRequired", message: 'lacks the member "quantity", which "status" needs' }]);
  assert.deepEqual(needs.list.map(({ words, fault }) => [fault.field, words]), [["/quantity", 'quantity is missing, which "status" needs']]);
});

test("a name that objects have by themselves, and one of the schema's in another place", () => {
  assert.deepEqual(told('{"orderId":"1","status":"PLACED","constructor":1,"productId":2}').list.map(({ meant }) => meant), [null, null]);
});
