import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOfBase64, bytesOfHex, headOf, hexOf, prettyOf, searchable, textOf } from "./payload";

const bytes = (text: string) => new TextEncoder().encode(text);

test("the head of a long text, cut through a character, is text", () => {
  const long = bytes("\u00fc\u20ac\u{1f426}".repeat(1000));
  for (let max = 1; max < 40; max++) assert.ok("\u00fc\u20ac\u{1f426}".repeat(5).startsWith(headOf(long, max) ?? "none"), `${max}`);
  assert.ok(searchable(long).includes("\u20ac"));
});

test("bytes are no text, whole or cut", () => {
  const bad = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
  assert.equal(textOf(bad), null);
  assert.equal(headOf(bad, 1000), null);
  assert.equal(headOf(Uint8Array.from({ length: 5000 }, () => 0xff), 1000), null);
  assert.equal(searchable(bad), "");
  assert.match(hexOf(Uint8Array.of(0, 255, 60, 47), 100), /^000000 {2}00 ff 3c 2f +\.\.<\/$/);
});

test("hex and base64 as people write them", () => {
  assert.deepEqual(bytesOfHex("00 ff, 0x3C:2f"), Uint8Array.of(0, 255, 60, 47));
  for (const bad of ["0", "0g", "00 f"]) assert.equal(bytesOfHex(bad), null, bad);
  assert.deepEqual(bytesOfBase64("AP8_ Lw"), Uint8Array.of(0, 255, 63, 47));
  assert.equal(bytesOfBase64("A!"), null);
});

test("JSON set out in lines keeps its numbers and its strings", () => {
  assert.equal(prettyOf('{"a":1.0e2,"b":[],"c":"</script>{,}","d":{ }}'), '{\n  "a": 1.0e2,\n  "b": [],\n  "c": "</script>{,}",\n  "d": {}\n}');
  assert.equal(prettyOf("{"), null);
});
