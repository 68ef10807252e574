// Asks AsyncAPI's own parser about each contract named on the command line, prints what it
// says, and fails where it says "error" or "warning". Payload schemas in other files are
// resolved; every example is then held against its schema by Ajv, so that a second validator
// has read the same schemas as ours. Our extensions are held against the schema of their own,
// which must also refuse the misspelt members of these in the cases of the loader.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// Installed under the build folder, not beside this file: ask for them from there.
const require = createRequire(resolve(process.env.ASYNCAPI_HOME ?? ".", "package.json"));
const { Parser } = require("@asyncapi/parser");
const { default: Ajv } = require("ajv/dist/2020.js");
const { default: formats } = require("ajv-formats");

const TOP = new URL("../../", import.meta.url);
const SEVERITY = ["error", "warning", "info", "hint"];
let passed = 0;
let failed = 0;

function check(isRight, what) {
  if (isRight) passed++;
  else failed++;
  if (!isRight) console.log(`FAILED: ${what}`);
}

function read(path) {
  return JSON.parse(readFileSync(new URL(path, TOP), "utf8"));
}

function compile(schema) {
  return formats(new Ajv({ strict: false, allErrors: true })).compile(schema);
}

function words(validate) {
  return (validate.errors ?? []).map((e) => `${e.instancePath || "/"} ${e.message}`).join("; ");
}

// RFC 7396, as the cases of the loader are written.
function merge(to, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const ret = to !== null && typeof to === "object" && !Array.isArray(to) ? { ...to } : {};
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete ret[key];
    else ret[key] = merge(ret[key], value);
  return ret;
}

function checkExamples(path, document) {
  for (const message of document.allMessages()) {
    const payload = message.payload()?.json();
    check(payload?.type, `${path}: ${message.id()}: the parser resolved the payload's schema`);
    if (!payload) continue;
    const validate = compile(payload);
    const own = (payload.examples ?? []).map((example, i) => [`schema's example ${i}`, example]);
    const examples = message.examples().all().map((e) => [`example ${e.name()}`, e.payload()]);
    for (const [name, example] of [...own, ...examples])
      check(validate(example), `${path}: ${message.id()}: ${name}: ${words(validate)}`);
  }
}

async function checkContract(path, isExtended) {
  const text = readFileSync(path, "utf8");
  const { document, diagnostics } = await new Parser().parse(text, { source: resolve(path) });

  for (const d of diagnostics)
    console.log(`${path}:${d.range.start.line + 1}: ${SEVERITY[d.severity]}: ${d.message}` +
      ` (${d.code}, /${d.path.join("/")})`);
  check(document && !diagnostics.some((d) => d.severity <= 1), `${path}: the parser accepts it`);
  check(isExtended(JSON.parse(text)), `${path}: extensions: ${words(isExtended)}`);
  if (!document) return;
  console.log(`${path}: ${document.channels().length} channels, ` +
    `${document.operations().length} operations`);
  checkExamples(path, document);
}

function checkMisspelt(isExtended) {
  const base = read("test/data/contract/base.asyncapi.json");

  check(isExtended(base), `base.asyncapi.json: ${words(isExtended)}`);
  for (const { name, change, error } of read("test/data/contract/invalid.json"))
    if (/^[^:]+: [^:]*\/x-[^:]*: unknown member/.test(error))
      check(!isExtended(merge(base, change)), `the extensions' schema refuses "${name}"`);
}

const isExtended = compile(read("schemas/contract-extensions.schema.json"));
for (const path of process.argv.slice(2)) await checkContract(path, isExtended);
checkMisspelt(isExtended);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
