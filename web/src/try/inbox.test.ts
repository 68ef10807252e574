import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../broker/connection";
import { Inbox, treeRows } from "./inbox";
import { bytesOfBase64, bytesOfHex, hexOf, prettyOf, textOf } from "./payload";

const message = (topic: string, text = "x"): Message => ({
  topic, payload: new TextEncoder().encode(text), qos: 1, retain: false, dup: false, at: 0, properties: undefined,
});

test("messages are bounded, and what was dropped is counted", () => {
  const inbox = new Inbox({ messages: 10, bytes: 1e6, topics: 100, history: 5 });
  for (let i = 0; i < 3000; i++) inbox.add(message("a/b", String(i)));
  assert.equal(inbox.length, 10);
  assert.equal(inbox.dropped, 2990);
  assert.equal(inbox.total, 3000);
  assert.equal(textOf(inbox.at(0)!.payload), "2990");
  assert.equal(textOf(inbox.at(9)!.payload), "2999");
});

test("so are bytes: the newest stays whatever its size", () => {
  const inbox = new Inbox({ messages: 100, bytes: 5000, topics: 100, history: 5 });
  for (let i = 0; i < 10; i++) inbox.add(message("a", "x".repeat(1500)));
  assert.ok(inbox.bytes <= 5000 && inbox.length === 2, `${inbox.bytes} ${inbox.length}`);
  inbox.add(message("a", "x".repeat(9000)));
  assert.equal(inbox.length, 1);
});

test("the tree: counts, last value, history, the one before", () => {
  const inbox = new Inbox({ messages: 100, bytes: 1e6, topics: 100, history: 3 });
  for (const text of ["1", "2", "3", "4"]) inbox.add(message("a/b", text));
  inbox.add(message("a/c"));
  inbox.add(message("/x"));
  const node = inbox.find("a/b")!;
  assert.equal(node.own, 4);
  assert.equal(inbox.find("a")!.count, 5);
  assert.equal(inbox.root.count, 6);
  assert.deepEqual(node.history.map(({ payload }) => textOf(payload)), ["2", "3", "4"]);
  assert.equal(textOf(node.last!.before!.payload), "3");
  assert.equal(node.history[0].before, null);
  assert.equal(inbox.find("/x")!.own, 1);
  assert.equal(inbox.find("nowhere"), null);
});

test("a topic that has dropped all but its last value keeps that", () => {
  const inbox = new Inbox({ messages: 2, bytes: 1e6, topics: 100, history: 5 });
  inbox.add(message("old", "kept"));
  for (let i = 0; i < 5; i++) inbox.add(message("new"));
  assert.equal(textOf(inbox.find("old")!.last!.payload), "kept");
});

test("topics are bounded: those beyond are in the list alone", () => {
  const inbox = new Inbox({ messages: 100, bytes: 1e6, topics: 3, history: 5 });
  for (const topic of ["a/1", "a/2", "a/3"]) inbox.add(message(topic));
  assert.equal(inbox.topics, 3);
  assert.equal(inbox.untold, 1);
  assert.equal(inbox.length, 3);
});

test("rows of the tree: open ones, sorted, and those that are wanted", () => {
  const inbox = new Inbox();
  for (const topic of ["b/1", "a/2", "a/1"]) inbox.add(message(topic));
  assert.deepEqual(treeRows(inbox.root, () => false).map(({ node }) => node.path), ["a", "b"]);
  assert.deepEqual(treeRows(inbox.root, ({ path }) => path === "a").map(({ node }) => node.path), ["a", "a/1", "a/2", "b"]);
  assert.deepEqual(treeRows(inbox.root, () => false, ({ path }) => path === "a/2").map(({ node }) => node.path), ["a", "a/2"]);
  inbox.clear();
  assert.equal(treeRows(inbox.root, () => true).length, 0);
});

test("payloads: text or not, hex and back, JSON set out with its numbers as they are", () => {
  assert.equal(textOf(Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(textOf(Uint8Array.of(0x61, 0)), null);
  assert.equal(hexOf(Uint8Array.of(0x41, 0x00), 99).trimEnd(), `000000  41 00${" ".repeat(44)}A.`);
  assert.deepEqual(bytesOfHex("41 0x42:ff"), Uint8Array.of(0x41, 0x42, 0xff));
  assert.equal(bytesOfHex("4"), null);
  assert.deepEqual(bytesOfBase64("QUI="), Uint8Array.of(0x41, 0x42));
  assert.equal(bytesOfBase64("%"), null);
  assert.equal(prettyOf('{"a":1.0,"b":[],"c":{ }, "d":[1e2,"x:,{}"]}'),
    '{\n  "a": 1.0,\n  "b": [],\n  "c": {},\n  "d": [\n    1e2,\n    "x:,{}"\n  ]\n}');
  assert.equal(prettyOf("nope"), null);
});

test("payloads: a deep one is set out in a few times its size", () => {
  const deep = `${"[".repeat(60_000)}{"a":1}${"]".repeat(60_000)}`;
  const out = prettyOf(deep)!;
  assert.ok(out.length < deep.length + 10_000, `${out.length}`);
  assert.equal(out.replace(/\s/g, ""), deep);
});
