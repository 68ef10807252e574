// Opens the documentation in headless Chromium, as it lies on the disk and without a network,
// and looks for what must be there. Closes with one line: N passed, N failed.
//
//     node check.mjs PAGE.html CONTRACT [SCREENSHOT.png]
//
// DOCS_HOME is where npm installed; CHROMIUM names another browser. Programs in B say what the
// page must show: `reference` the options and reasons, `petstorectl` the members of our files,
// which the plugin's loaders name when they are given one that they do not know.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [page, contract, screenshot] = process.argv.slice(2);
const require = createRequire(resolve(process.env.DOCS_HOME ?? ".", "package.json"));
const { chromium } = require("playwright-core");

let passed = 0;
let failed = 0;

function check(what, is) {
  if (is) passed++;
  else failed++;
  if (!is) console.log(`FAIL  ${what}`);
}

// What the loader says that an object has: @edit puts a member "none" into it.
function known(file, edit) {
  const folder = mkdtempSync(join(tmpdir(), "petstore-docs-"));
  try {
    cpSync(dirname(resolve(contract)), folder, { recursive: true });
    cpSync("docker/access.json", join(folder, "access.json"));
    const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
    edit(document).none = 1;
    writeFileSync(join(folder, file), JSON.stringify(document));
    const { stderr } = spawnSync(`${process.env.B}/petstorectl`, ["may", "monitor", "--contract",
      join(folder, basename(contract)), "--access", join(folder, "access.json")], { encoding: "utf8" });
    const list = /: (?:unknown member; .*?(?: has| are):|expected) (.*?)(?:, and nothing else)?\n/.exec(stderr);
    if (!list) throw new Error(`${file}: no list of members in "${stderr}"`);
    return list[1].split(/, | or /);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const first = (object) => Object.values(object)[0];
const order = (document) => document["x-entities"].order;
const asyncapi = basename(contract);
// Table on the page, file, the object in it that the table is about.
const objects = [
  ["contract-extensions", asyncapi, (it) => it],
  ["contract-extensions-a-channel", asyncapi, (it) => it.channels.orderStatus],
  ["contract-extensions-a-parameter", asyncapi, (it) => first(it.components.parameters)],
  ["contract-extensions-x-mode", asyncapi, (it) => (it["x-mode"] = {})],
  ["contract-extensions-x-limits", asyncapi, (it) => (it["x-limits"] = {})],
  ["contract-extensions-one-of-x-state-machines", asyncapi, (it) => first(it["x-state-machines"])],
  ["contract-extensions-one-of-x-entities", asyncapi, order],
  ["contract-extensions-a-column", asyncapi, (it) => first(order(it).columns)],
  ["contract-extensions-ownervia", asyncapi, (it) => (order(it).ownerVia = {})],
  ["contract-extensions-x-entity", asyncapi, (it) => it.channels.orderStatus["x-entity"]],
  ["contract-extensions-one-of-x-broker-topics", asyncapi, (it) => first(it["x-broker-topics"])],
  ["access", "access.json", (it) => it],
  ["access-a-role", "access.json", (it) => first(it.roles)],
  ["access-limits", "access.json", (it) => (first(it.roles).limits = {})],
  ["access-a-user", "access.json", (it) => first(it.users)],
  ["access-a-rule-of-certificates", "access.json", (it) => it.certificates[0]],
  ["access-match", "access.json", (it) => it.certificates[0].match],
  ["access-an-issuer-of-tokens", "access.json", (it) => first(it.issuers = [{}])],
];

const profile = mkdtempSync(join(tmpdir(), "petstore-docs-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1400, height: 1000 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const tab = await browser.newPage();
  const problems = [];
  const requests = [];
  tab.on("pageerror", (error) => problems.push(error.message));
  tab.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  tab.on("request", (request) => request.url().startsWith("http") && requests.push(request.url()));
  await tab.goto(pathToFileURL(resolve(page)).href);
  await tab.waitForSelector("#contract #introduction", { timeout: 60000 });

  const { channels, operations } = JSON.parse(readFileSync(contract, "utf8"));
  const shown = await tab.locator("#contract").innerText();
  for (const channel of Object.values(channels))
    check(`channel ${channel.address}`, shown.includes(channel.address));
  const shortcuts = await tab.locator("#contract a[href^='#operation-']").evaluateAll(
    (found) => [...new Set(found.map((link) => link.getAttribute("href")))]);
  check(`${Object.keys(operations).length} operations in the sidebar, not ${shortcuts.length}`,
    shortcuts.length === Object.keys(operations).length);
  // A payload's members, which stand in files of their own.
  check("the members of a payload", shown.includes("updatedAt"));

  const configuration = await tab.locator("#configuration").innerText();
  const rows = execFileSync(`${process.env.B}/reference`, ["html"], { encoding: "utf8" })
    .matchAll(/<tr><td><code>([^<]+)</g);
  let count = 0;
  for (const [, name] of rows) {
    check(name, configuration.includes(name));
    count++;
  }
  check("options and reasons to look for", count > 20);
  for (const [table, file, edit] of objects) {
    const shown = await tab.locator(`#${table} ~ table`).first().locator("td:first-child").allInnerTexts();
    const isOurs = (name) => name.startsWith("x-") || shown.some((other) => !other.startsWith("x-"));
    const wanted = known(file, edit).filter(isOurs).sort();
    check(`${table}: the loader knows ${wanted}; the page ${shown}`,
      wanted.length > 0 && String(wanted) === String(shown.sort()));
  }
  const links = await tab.locator("nav a").evaluateAll((found) => found.map((link) => link.hash));
  for (const link of links) check(`the link to ${link}`, await tab.locator(link).isVisible());

  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
  check(`nothing from elsewhere: ${requests.join(" ")}`, requests.length === 0);
  if (screenshot) {
    await tab.evaluate(() => scrollTo(0, 0));
    await tab.screenshot({ path: screenshot });
    await tab.locator("#configuration").screenshot({ path: screenshot.replace(/\.png$/, "-configuration.png") });
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
