// The tables of the operator's files say what the loaders know: each is compared with the list that a
// loader gives when it meets a member that it does not know.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, check, run, top } from "./harness.mjs";

const CONTRACT = "petstore.asyncapi.json";
const home = process.env.WEB_HOME ?? join(build, "web");
const { files, options, reasons, alerts } = JSON.parse(readFileSync(join(home, "reference.json"), "utf8"));
const tables = new Map(files.flatMap((file) => file.tables).map((table) => [table.id, table]));

// What the loader says that an object has: @edit leads to it, and a member "none" is put there.
function known(file, edit) {
  const folder = mkdtempSync(join(tmpdir(), "petstore-members-"));
  try {
    cpSync(join(top, "schemas"), folder, { recursive: true });
    cpSync(join(top, "docker/access.json"), join(folder, "access.json"));
    const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
    edit(document).none = 1;
    writeFileSync(join(folder, file), JSON.stringify(document));
    const { stderr } = spawnSync(join(build, "petstorectl"), ["may", "monitor", "--contract", join(folder, CONTRACT),
      "--access", join(folder, "access.json")], { encoding: "utf8" });
    const list = /: (?:unknown member; .*?(?: has| are):|expected) (.*?)(?:, and nothing else)?\n/.exec(stderr);
    if (!list) throw new Error(`${file}: no list of members in "${stderr}"`);
    return list[1].split(/, | or /);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const first = (object) => Object.values(object)[0];
const order = (document) => document["x-entities"].order;
// Table, file, the object in it that the table is about.
const objects = [
  ["contract-extensions", CONTRACT, (it) => it],
  ["contract-extensions-a-channel", CONTRACT, (it) => it.channels.orderStatus],
  ["contract-extensions-a-parameter", CONTRACT, (it) => first(it.components.parameters)],
  ["contract-extensions-x-mode", CONTRACT, (it) => (it["x-mode"] = {})],
  ["contract-extensions-x-limits", CONTRACT, (it) => (it["x-limits"] = {})],
  ["contract-extensions-one-of-x-state-machines", CONTRACT, (it) => first(it["x-state-machines"])],
  ["contract-extensions-one-of-x-entities", CONTRACT, order],
  ["contract-extensions-a-column", CONTRACT, (it) => first(order(it).columns)],
  ["contract-extensions-ownervia", CONTRACT, (it) => (order(it).ownerVia = {})],
  ["contract-extensions-x-entity", CONTRACT, (it) => it.channels.orderStatus["x-entity"]],
  ["contract-extensions-one-of-x-broker-topics", CONTRACT, (it) => first(it["x-broker-topics"])],
  ["access", "access.json", (it) => it],
  ["access-a-role", "access.json", (it) => first(it.roles)],
  ["access-limits", "access.json", (it) => (first(it.roles).limits = {})],
  ["access-a-user", "access.json", (it) => first(it.users)],
  ["access-a-rule-of-certificates", "access.json", (it) => it.certificates[0]],
  ["access-match", "access.json", (it) => it.certificates[0].match],
  ["access-an-issuer-of-tokens", "access.json", (it) => first(it.issuers = [{}])],
];

await run(async () => {
  for (const [id, file, edit] of objects) {
    const shown = (tables.get(id)?.rows ?? []).map(({ name }) => name);
    const isOurs = (name) => name.startsWith("x-") || shown.some((other) => !other.startsWith("x-"));
    const wanted = known(file, edit).filter(isOurs).sort();
    check(`${id}: the loader knows what the page shows`, wanted.length > 0 && String(wanted) === String(shown.sort()),
      `${wanted}, and the page ${shown}`);
  }
  check("links between the tables lead somewhere", [...tables.values()].every(({ rows }) => rows.every(({ type }) =>
    [...type.matchAll(/\]\(#([^)]+)\)/g)].every(([, id]) => tables.has(id)))));
  check("options, and what each is", options.length > 20 && options.every(({ name, value, help }) => name && value && help));
  for (const { code, means, todo } of [...reasons, ...alerts]) check(`${code}: what it means and what to do`, means && todo);
});
