import assert from "node:assert/strict";
import { test } from "node:test";
import { adviceFor } from "./advice";

test("each reason has advice of its own", () => {
  assert.match(adviceFor({ reason: "payload-too-large" }), /smaller/);
  assert.match(adviceFor({ reason: "payload-not-json" }), /JSON/);
  assert.doesNotMatch(adviceFor({ reason: "payload-not-json" }), /smaller/);
  assert.doesNotMatch(adviceFor({ reason: "payload-format" }), /smaller/);
  assert.match(adviceFor({ reason: "not-owner" }), /belongs to somebody else/);
  assert.notEqual(adviceFor({ reason: "retain-forbidden" }), adviceFor({ reason: "retain-required" }));
});

test("where a member is marked, that is what to look at, but not where a step is wrong", () => {
  const errors = [{ field: "/status", code: "x", message: "is wrong" }];
  assert.match(adviceFor({ reason: "schema-violation", errors }), /marked/);
  assert.match(adviceFor({ reason: "transition-illegal", errors }), /may follow/);
});
