import assert from "node:assert/strict";
import { test } from "node:test";
import { visible } from "./visible";

test("what shows nothing or turns text round is shown by its number", () => {
  assert.equal(visible("orders/\u202e1-dro/status"), "orders/⟨U+202E⟩1-dro/status");
  assert.equal(visible("a\u0000b\u200bc\u2066d\u{e0041}e"), "a⟨U+0000⟩b⟨U+200B⟩c⟨U+2066⟩d⟨U+E0041⟩e");
  assert.equal(visible("ord-1\u200d"), "ord-1⟨U+200D⟩");
});

test("text of any language, line ends and emoji stay", () => {
  for (const text of ["Größe\n\t1", "می\u200cخواهم", "👩\u200d👩\u200d👧", "שלום", "日本語"]) assert.equal(visible(text), text);
});
