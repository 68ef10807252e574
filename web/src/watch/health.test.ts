import assert from "node:assert/strict";
import { test } from "node:test";
import { findings, type Facts } from "./health";
import { GROUPS, groupsOf } from "./groups";

const WELL: Facts = {
  number: (name) => ({ "journal/age": 0.05, "brokers/known": 2, "brokers/alive": 2 })[name] ?? null,
  growth: () => 0, alerts: 0, bans: 0,
  modes: { permission: { mode: "enforce", forced: false }, schema: { mode: "enforce", forced: false }, transition: { mode: "enforce", forced: false }, limits: { mode: "enforce", forced: false } },
};

test("where all is well there is nothing to say, nor where nothing is known", () => {
  assert.deepEqual(findings(WELL), []);
  assert.deepEqual(findings({ number: () => null, growth: () => 0, alerts: null, bans: null, modes: null }), []);
});

test("the worst is said first", () => {
  const found = findings({ ...WELL, alerts: 2, bans: 1, number: (name) => ({ "journal/age": 31.2, "brokers/known": 3, "brokers/alive": 1 })[name] ?? null });
  assert.deepEqual(found.map(({ text }) => text), [
    "The database is 31 seconds behind: accepted writes wait in the journal.",
    "2 brokers of the shared database are not there.",
    "2 alerts are active.",
    "One client or user is held off or banned.",
  ]);
});

test("a mode that is not the contract's, or refuses nothing, is said", () => {
  const modes = { ...WELL.modes!, schema: { mode: "observe" as const, forced: true }, limits: { mode: "off" as const, forced: false } };
  assert.deepEqual(findings({ ...WELL, modes }).map(({ text }) => text), [
    "The contract's schema part is only observed, by a command: nothing is refused for it.",
    "The contract's limits part is not checked.",
  ]);
});

test("every number has its place once, and unknown ones are shown, too", () => {
  const topics = GROUPS.flatMap(({ plots }) => plots.flatMap(({ lines }) => lines.map(({ topic }) => topic)));
  assert.equal(new Set(topics).size, topics.length);
  assert.deepEqual(groupsOf(["sessions", "a/new/one"]).map(({ title, plots }) => [title, plots.map((plot) => plot.title)]),
    [["Clients", ["Sessions"]], ["Others", ["a/new/one"]]]);
});
