import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../contract/document";
import { makeChecker } from "../contract/validate";
import { completeAt, isTime, sampleMessage, spotAt } from "./complete";

const doc = {
  root: {
    components: {
      schemas: {
        order: {
          $schema: "https://json-schema.org/draft/2020-12/schema",
          type: "object",
          properties: {
            note: { type: "string" },
            status: { description: "How it stands.", enum: ["PLACED", "SHIPPED"] },
            paid: { type: "boolean" },
            at: { type: "string", format: "date-time" },
            source: { type: "object", properties: { brand: { type: "string" } }, required: ["brand"] },
            lines: { type: "array", minItems: 1, items: { type: "object", properties: { sku: { type: "string" } }, required: ["sku"] } },
          },
          required: ["status", "at"],
        },
      },
    },
  } as JsonObject,
};
const { plain } = makeChecker(doc, { $ref: "#/components/schemas/order" }, undefined)!;

/** @text with "|" where the cursor is. */
const offered = (text: string) => {
  const pos = text.indexOf("|");
  return completeAt(text.replace("|", ""), pos, plain);
};
const labels = (text: string) => offered(text)?.options.map(({ label }) => label) ?? [];

test("members: required ones first, none that is there", () => {
  assert.deepEqual(labels("{|}"), ["status", "at", "note", "paid", "source", "lines"]);
  assert.deepEqual(labels('{"at": "x", |, "paid": true}'), ["status", "note", "source", "lines"]);
  assert.deepEqual(labels('{"st|'), ["status", "at", "note", "paid", "source", "lines"]);
});

test("what is inserted for a member, and where one goes on", () => {
  const option = offered("{|}")!.options.find(({ label }) => label === "source")!;
  assert.equal(option.insert, '"source": {}');
  assert.equal(option.cursor, '"source": {'.length);
  const status = offered('{|\n "paid": true}')!.options[0];
  assert.equal(status.insert, '"status": ,');
  assert.match(status.info, /How it stands/);
  assert.match(status.detail, /required/);
  assert.equal(offered('{"|": 1}')!.options[0].insert, '"status"');
});

test("values: of an enum, booleans, times, templates", () => {
  assert.deepEqual(labels('{"status": |}'), ['"PLACED"', '"SHIPPED"']);
  assert.deepEqual(labels('{"status": "PL|"}'), ['"PLACED"', '"SHIPPED"']);
  assert.deepEqual(labels('{"paid": |'), ["true", "false"]);
  assert.match(labels('{"at": |}')[0], /^"20\d\d-.*Z"$/);
  assert.match(offered('{"source": |}')!.options[0].insert, /"brand": ""/);
});

test("what was written so far is replaced whole", () => {
  const text = '{"status": "PLA"}';
  const got = completeAt(text, text.indexOf("A\"") + 1, plain)!;
  assert.equal(text.slice(got.from, got.to), '"PLA"');
  const word = '{"paid": tr}';
  const bare = completeAt(word, word.indexOf("}"), plain)!;
  assert.equal(word.slice(bare.from, bare.to), "tr");
});

test("inside of objects and arrays", () => {
  assert.deepEqual(labels('{"source": {|}}'), ["brand"]);
  assert.deepEqual(labels('{"lines": [{"sku": "1"}, {|}]}'), ["sku"]);
  assert.deepEqual(spotAt('{"a": [1, {"b": ', 16)?.path, ["a", 1, "b"]);
});

test("braces in strings confuse nothing", () => {
  assert.deepEqual(labels('{"note": "}{[\\"", |}'), ["status", "at", "paid", "source", "lines"]);
});

test("a message to begin with has what is required", () => {
  const made = sampleMessage(plain) as Record<string, unknown>;
  assert.deepEqual(Object.keys(made), ["status", "at"]);
  assert.equal(made.status, "PLACED");
});

test("which members are times", () => {
  assert.ok(isTime(plain, "/at", "2026-01-01T00:00:00Z"));
  assert.ok(!isTime(plain, "/note", "x"));
});
