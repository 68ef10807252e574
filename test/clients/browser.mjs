// MQTT.js in headless Chromium, over websockets and TLS: subscribes, publishes one message that
// is right and one that is not, and prints what came of it, as a JSON array.
//
//     PASSWORD=... CLIENTS_HOME=where-npm-installed node browser.mjs URL SPKI
//
// SPKI: base64 of the SHA-256 of the server's public key, which the browser is to trust.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const [url, spki] = process.argv.slice(2);
const require = createRequire(resolve(process.env.CLIENTS_HOME ?? ".", "package.json"));
const { chromium } = require("playwright-core");

// Runs in the page.
async function session({ url, password }) {
  const events = [];
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, clientId: "backoffice/browser", username: "backoffice", password });
  const second = new Promise((done) => client.on("message", (topic, payload) => {
    events.push(`received ${topic} ${JSON.parse(payload).quantity}`);
    if (events.length === 3) done();
  }));
  await client.subscribeAsync("inventory/+/stock", { qos: 1 });
  for (const quantity of [7, -7, 8]) {
    const stock = { productId: "browser", quantity, updatedAt: new Date().toISOString() };
    try {
      await client.publishAsync("inventory/browser/stock", JSON.stringify(stock), { qos: 1 });
    } catch (error) {
      events.push(`refused ${error.code}`);
    }
  }
  await second;
  await client.endAsync();
  return events;
}

const profile = mkdtempSync(join(tmpdir(), "petstore-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    `--ignore-certificate-errors-spki-list=${spki}`],
});
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.error(message.text()));
  await page.addScriptTag({ path: require.resolve("mqtt/dist/mqtt.min") });
  const events = await Promise.race([
    page.evaluate(session, { url, password: process.env.PASSWORD }),
    new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), 120000).unref()),
  ]);
  console.log(JSON.stringify(events));
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
