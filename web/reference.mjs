// Puts together what the page knows by itself, each from the one place that has it:
//
//     node reference.mjs REFERENCE.json DOCS SCHEMAS >OUT.json
//
// REFERENCE.json is what B/reference json prints: options, alerts and reasons out of the plugin's own
// tables. What a reason means and what one does about it stand in DOCS/troubleshooting.md; of alerts
// in DOCS/limits-and-alerts.md. The members of the operator's files are tables out of SCHEMAS.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { membersAsTables } from "./members.mjs";

export const FILES = ["contract-extensions", "access", "monitor"];

// Links to other pages lead nowhere from here: their words stay, but where there is nothing else to them.
const plain = (text) => text.trim().replace(/; \[[^\]]*\]\([^)]*\)$/, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/\*\*/g, "").replace(/\\\|/g, "|");

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;

/** The rows of a Markdown table whose first cell is a code: code -> the other cells. */
export function rowsOf(markdown) {
  const rows = new Map();
  for (const [, code, rest] of markdown.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm))
    rows.set(code, rest.split(/(?<!\\) \| /).map((cell) => sentence(plain(cell))));
  return rows;
}

function explain(list, rows, file) {
  const lacking = list.filter(({ code }) => rows.get(code)?.length !== 2).map(({ code }) => code);
  if (lacking.length > 0) throw new Error(`${file}: no row of three cells for ${lacking.join(", ")}`);
  return list.map((it) => ({ ...it, means: rows.get(it.code)[0], todo: rows.get(it.code)[1] }));
}

export function referenceOf(reference, docs, schemas) {
  const read = (path) => readFileSync(path, "utf8");
  return {
    ...reference,
    reasons: explain(reference.reasons, rowsOf(read(`${docs}/troubleshooting.md`)), "troubleshooting.md"),
    alerts: explain(reference.alerts, rowsOf(read(`${docs}/limits-and-alerts.md`)), "limits-and-alerts.md"),
    files: FILES.map((id) => membersAsTables(JSON.parse(read(`${schemas}/${id}.schema.json`)), id)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [reference, docs, schemas] = process.argv.slice(2);
  console.log(JSON.stringify(referenceOf(JSON.parse(readFileSync(reference, "utf8")), docs, schemas)));
}
