// Opens the documentation in headless Chromium, as it lies on the disk and without a network,
// and looks for what must be there. Closes with one line: N passed, N failed.
//
//     node check.mjs PAGE.html CONTRACT [SCREENSHOT.png]
//
// DOCS_HOME is where npm installed; CHROMIUM names another browser; REFERENCE=program prints
// the options and reasons that the page must show.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
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
  const links = await tab.locator("#contract a[href^='#operation-']").evaluateAll(
    (found) => [...new Set(found.map((link) => link.getAttribute("href")))]);
  check(`${Object.keys(operations).length} operations in the sidebar, not ${links.length}`,
    links.length === Object.keys(operations).length);
  // A payload's members, which stand in files of their own.
  check("the members of a payload", shown.includes("updatedAt"));

  const configuration = await tab.locator("#configuration").innerText();
  const rows = execFileSync(process.env.REFERENCE, ["html"], { encoding: "utf8" })
    .matchAll(/<tr><td><code>([^<]+)</g);
  let count = 0;
  for (const [, name] of rows) {
    check(name, configuration.includes(name));
    count++;
  }
  check("options and reasons to look for", count > 20);
  await tab.click("nav a[href='#options']");
  check("the link to the options", await tab.locator("#options").isVisible());

  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
  check(`nothing from elsewhere: ${requests.join(" ")}`, requests.length === 0);
  if (screenshot) {
    await tab.evaluate(() => scrollTo(0, 0));
    await tab.screenshot({ path: screenshot });
    await tab.locator("#configuration").screenshot({ path: screenshot.replace(/\.png$/, "-options.png") });
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
