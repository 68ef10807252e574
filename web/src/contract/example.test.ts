import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "./document";
import { dated, exampleOf } from "./example";
import type { Channel, Message } from "./model";
import { readShape } from "./shape";
import { makeChecker } from "./validate";

const then = "2026-01-15T10:30:00Z";
const now = new Date("2026-11-30T11:30:00.613Z");
const datedBy = (pointer: Json | undefined, payload: Json) => dated({ raw: pointer === undefined ? {} : { "x-time": pointer } } as unknown as Channel, payload, now);

test("the channel's time becomes now, and no other", () => {
  const payload = { id: "1", at: then, of: { "a/b": then } };
  assert.deepEqual(datedBy("/at", payload), { ...payload, at: "2026-11-30T11:30:00Z" });
  assert.deepEqual(datedBy("/of/a~1b", payload), { ...payload, of: { "a/b": "2026-11-30T11:30:00Z" } });
  assert.equal(payload.at, then);
});

test("where there is none, or none in text, the example stays as it is", () => {
  for (const [pointer, payload] of [[undefined, { at: then }], ["/at", {}], ["/at", { at: 17 }], ["/at", { at: "soon" }], ["/of/at", { of: then }], ["/at", "text"], ["", then], [7, { at: then }]] as [Json | undefined, Json][])
    assert.deepEqual(datedBy(pointer, payload), payload);
});

test("where nothing is required, an example has what is surely right", () => {
  const made = (schema: Json) => exampleOf({ examples: [] } as unknown as Message, readShape({ root: {} }, schema));
  const properties = {
    lumens: { type: "integer", minimum: 0 }, least: { type: "number", minimum: -3 }, sentAt: { type: "string", format: "date-time" },
    name: { type: "string" }, on: { enum: ["on", "off"] }, preset: { type: "string", pattern: "^x", default: "x1" }, is: { type: "boolean" },
    half: { type: "number", minimum: 0.5 }, isbn: { type: "string", pattern: "^[0-9]{13}$" }, most: { type: "integer", maximum: 0 }, took: { type: "string", format: "duration" },
    of: { type: "object", required: ["a"], properties: { a: { type: "string", minLength: 9 } } }, list: { type: "array", minItems: 3 },
  };
  const example = made({ type: "object", properties }) as Record<string, Json>;
  assert.deepEqual(Object.keys(example), ["lumens", "least", "sentAt", "name", "on", "preset", "is"]);
  assert.deepEqual(makeChecker({ root: {} }, { type: "object", properties }, undefined)!.check(example), []);
  assert.deepEqual(made({ type: "object", properties, required: ["name"] }), { name: "text" });
  assert.deepEqual(made({ type: "object", properties: { name: { type: "string" } }, not: { required: ["name"] } }), {});
});
