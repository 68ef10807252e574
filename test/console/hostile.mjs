// Watch before somebody hostile: markup, names of prototypes, characters that show nothing or turn
// text round, endless words and deep nesting in topics, payloads, client ids and links.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, check, checkAccessible, checkFits, checkSoon, checkThat, goTo, openPage, publish, require, run, shot, signIn, startBroker, top, until } from "./harness.mjs";

const mqtt = require("mqtt");

const MARKUP = "<img src=x onerror=globalThis.hit=1>";
const TURNED = "\u202egnorts\u200b";
const LONG = "W".repeat(4_000);
const now = () => new Date().toISOString();

const connect = (broker, user, clientId) => mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, {
  protocolVersion: 5, username: user, password: broker.password(user), clientId, reconnectPeriod: 0,
});
const go = (page, at) => goTo(page, `#/${at}`);
/** What is on the page is all that was asked for. */
const isQuiet = (page) => until(async () => (await page.getByText(/^(Asking the broker|Looking it up|Loading|Counting)…$/).count()) === 0, "the answers");
const order = (id, more = {}) => [`orders/${id}/status`, JSON.stringify({ orderId: id, status: "PLACED", updatedAt: now(), ...more })];

/** The demo's contract, but that ids and owners may be any text. */
function contractOf() {
  const bundled = execFileSync(join(build, "petstorectl"), ["contract", "bundle", join(top, "schemas/petstore.asyncapi.json"), "--to", "json"],
    { maxBuffer: 1e8, stdio: ["ignore", "pipe", "ignore"] });
  return JSON.stringify(JSON.parse(bundled, (name, value) => (name === "pattern" || name === "maxLength" ? undefined : value)));
}

const IDS = [MARKUP, TURNED, "__proto__", "constructor", "a?b&c=d", "100%25", "..", "javascript:alert(1)", LONG.slice(0, 60)];
const REFUSED = [
  ...[MARKUP, TURNED, LONG].map((id) => [`orders/${id}/status`, `{"status":"${MARKUP}","${TURNED}":"${LONG}"}`]),
  ["orders/proto/status", '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"status":"LOST"}'],
  ["orders/deep/status", `${"[".repeat(3_000)}${"]".repeat(3_000)}`],
  ["orders/bytes/status", Buffer.from([0, 255, 254, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 123])],
  [`${MARKUP}/${TURNED}`, "{}"],
];

/** Nothing of it ran, and the page is what it was. */
async function checkHarmless(page, what) {
  const found = await page.evaluate(() => ({
    hit: globalThis.hit ?? null, polluted: {}.polluted ?? null,
    foreign: document.querySelectorAll("#app img, #app script, #app iframe, #app [onerror]").length,
    links: [...document.querySelectorAll("a[href]")].map((it) => it.getAttribute("href")).filter((it) => !/^(#|https?:)/.test(it)),
    // A character that turns text round would take what is beside it along.
    turned: /[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.querySelector("#app").textContent),
  }));
  check(`${what}: nothing ran`, found.hit === null && found.polluted === null && found.foreign === 0 && found.links.length === 0, JSON.stringify(found));
  check(`${what}: nothing is turned round`, !found.turned);
}

async function attack(broker, client) {
  for (const message of REFUSED) await publish(client, message);
  for (const id of IDS) check(`the order ${id.slice(0, 60)} is taken`, await publish(client, order(id, { userId: MARKUP + TURNED })));
  await client.subscribeAsync(`${MARKUP}/${TURNED}`, { qos: 1 }).catch(() => {});
  for (const name of [MARKUP, TURNED, "__proto__"])
    await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, { protocolVersion: 5, username: name, password: "x", clientId: `${name}/1`, reconnectPeriod: 0 })
      .then((it) => it.endAsync(), () => {});
}

async function refusals(page, what) {
  await go(page, "watch/refusals");
  const rows = page.locator(".refusal-row");
  await until(async () => (await rows.count()) >= REFUSED.length, "refusals");
  for (const key of ["client", "topic", "principal", "reason"]) {
    await page.getByRole("button", { name: key, exact: true }).click();
    await page.locator(".counted").getByRole("button", { name: key, exact: true, pressed: true }).waitFor();
    await until(async () => (await page.locator(".counted .bar-row").count()) > 0, key);
    await checkHarmless(page, `${what}: refusals by ${key}`);
  }
  await checkFits(page, `${what}: refusals`);
  await shot(page, `hostile-refusals-${what}`);
  for (const address of await rows.evaluateAll((all) => all.map((it) => it.getAttribute("href")))) {
    await go(page, address.slice(2));
    await until(() => page.evaluate((it) => document.querySelector('.refusal-row[aria-current="true"]')?.getAttribute("href") === it, address), "its row");
    await page.locator(".opened .pairs").waitFor();
    await isQuiet(page);
    const of = `${what}: ${(await page.locator(".opened .badge").first().innerText())}`;
    await checkHarmless(page, of);
    await checkFits(page, of);
  }
  await checkAccessible(page, `${what}: a refusal`);
  await shot(page, `hostile-refusal-${what}`);
}

async function entities(page, what) {
  await go(page, "watch/entities/order");
  const links = page.locator(".entity-id a");
  await until(async () => {
    if ((await links.count()) >= IDS.length) return true;
    await page.getByRole("button", { name: "Load anew" }).click(); // the database has them a moment later
    await isQuiet(page);
    return false;
  }, "orders");
  await checkHarmless(page, `${what}: orders`);
  await checkFits(page, `${what}: orders`);
  await shot(page, `hostile-orders-${what}`);
  const found = await links.evaluateAll((all) => all.map((it) => [it.innerText, it.getAttribute("href")]));
  for (const [name, address] of found) {
    await go(page, "watch/entities/order");
    await until(async () => {
      const at = (await links.evaluateAll((all) => all.map((it) => it.getAttribute("href")))).indexOf(address);
      if (at >= 0) await links.nth(at).click();
      return at >= 0;
    }, `the order ${name}`);
    await checkThat(`${what}: order ${name} is found`, () => page.locator(".event").first().waitFor());
    await page.locator(".event summary").first().click();
    await checkHarmless(page, `${what}: order ${name}`);
    await checkFits(page, `${what}: order ${name}`);
  }
  await shot(page, `hostile-order-${what}`);
}

async function others(page, what) {
  for (const part of ["overview", "alerts", "bans", "numbers", "broker", `${encodeURIComponent(MARKUP)}`, "entities/__proto__", "entities/constructor/x",
    "entities/order/%E0%A4%A", `refusals/${encodeURIComponent(MARKUP)}`, `refusals?reason=${encodeURIComponent(MARKUP + TURNED)}&client=${encodeURIComponent(TURNED)}&since=__proto__`]) {
    await go(page, `watch/${part}`);
    await checkSoon(`${what}: ${part}: is drawn`, async () => (await page.locator(".watch h1").count()) === 1);
    await isQuiet(page);
    await checkHarmless(page, `${what}: ${part}`);
    await checkFits(page, `${what}: ${part}`);
    await shot(page, `hostile-${part.replace(/\W+/g, "-").slice(0, 30)}-${what}`);
  }
}

const link = (message) => `try?m=${Buffer.from(typeof message === "string" ? message : JSON.stringify(message)).toString("base64url")}`;
const NESTED = `${'{"a":['.repeat(20_000)}1${"]}".repeat(20_000)}`;
const LINKS = {
  "of another broker": link({ topic: "orders/l1/status", payload: "{}", url: "wss://evil.example/", broker: "wss://evil.example/", username: "backoffice", password: "x", send: true }),
  "nested": link({ topic: "orders/l2/status", payload: NESTED, qos: 1 }),
  "nested by itself": link(NESTED),
  "of megabytes": link({ topic: "orders/l3/status", payload: LONG.repeat(340) }),
  "with markup": link({ topic: `javascript:alert(1)/${MARKUP}`, payload: `</script>${MARKUP}${TURNED}`, properties: { contentType: "text/html", responseTopic: "javascript:alert(1)", userProperties: [[MARKUP, TURNED]] } }),
  "of prototypes": link('{"__proto__":{"polluted":true},"channel":"constructor","values":{"__proto__":"x","constructor":"y"},"payload":"{\\"__proto__\\":{\\"polluted\\":true}}"}'),
  "of another address": "sign-in?url=wss://evil.example/&username=backoffice&broker=wss://evil.example/",
  "of no view": `${encodeURIComponent(MARKUP)}/%E0%A4%A?m=%`,
};

/** What a link brings is shown at most: nobody is signed in, nothing is sent, no address is taken from it. */
async function links(broker) {
  const page = await openPage();
  const opened = [];
  page.on("websocket", (socket) => opened.push(socket.url()));
  const others = [];
  page.on("request", (request) => { if (!request.url().startsWith(new URL(broker.page).origin)) others.push(request.url()); });
  for (const [name, at] of Object.entries(LINKS)) {
    await page.goto("about:blank");
    await page.goto(`${broker.page}#/${at}`);
    await page.locator("main h1").first().waitFor();
    const address = page.getByLabel("Broker");
    if (await address.count()) // once brokers.json was asked for
      await checkSoon(`link ${name}: the address is the page's own`, async () => (await address.inputValue()) === broker.ws, () => address.inputValue());
    await checkHarmless(page, `link ${name}`);
  }
  check("links: nobody was asked", opened.length === 0, opened.join(" "));
  await page.goto(broker.page);
  await signIn(page, broker, "backoffice");
  const seen = await connect(broker, "supervisor", "supervisor/links");
  const got = [];
  seen.on("message", (topic) => got.push(topic));
  await seen.subscribeAsync("orders/#", { qos: 1, rh: 2 });
  for (const [name, at] of Object.entries(LINKS)) {
    await go(page, at);
    await until(async () => (await page.locator("main").textContent()).trim() !== "", "a view");
    await checkHarmless(page, `signed in, link ${name}`);
    await checkFits(page, `signed in, link ${name}`);
    await shot(page, `hostile-link-${name.replaceAll(" ", "-")}`);
  }
  await go(page, "watch/refusals");
  await checkThat("links: the page stays usable", () => page.locator(".refusal-row").first().waitFor());
  // Whatever it had sent would have come before the answer to what it asks now, at the latest with what another one sends then.
  await page.getByRole("button", { name: "Load anew" }).click();
  await isQuiet(page);
  await page.locator(".refusal-row").first().waitFor();
  const last = await connect(broker, "orders-service", "orders-service/last");
  check("links: what is published arrives", await publish(last, order("last", { userId: "customer-a" })));
  await until(() => got.includes("orders/last/status"), "the last order");
  await last.endAsync(true);
  check("links: nothing was sent", got.every((topic) => !/^orders.l\d/.test(topic)), got.join(" "));
  check("links: no other broker", [...opened, ...others].every((url) => url.startsWith(broker.ws)), [...opened, ...others].join(" "));
  check("links: no errors", page.problems.length === 0, page.problems.join("; "));
  await seen.endAsync(true);
}

await run(async () => {
  const folder = mkdtempSync(join(tmpdir(), "petstore-hostile-"));
  writeFileSync(join(folder, "monitor.json"), JSON.stringify({ "duplicate-flood": { threshold: 5, response: "ban", seconds: 600 } }));
  writeFileSync(join(folder, "contract.json"), contractOf());
  const broker = await startBroker({ env: { CONTRACT: join(folder, "contract.json"), OPTIONS: `plugin_opt_sys_interval 1\nplugin_opt_notices_per_second 10000\nplugin_opt_monitor ${join(folder, "monitor.json")}` } });
  const page = await openPage(broker.page);
  await signIn(page, broker, "backoffice");
  await go(page, "watch/refusals");
  await page.locator(".stream").getByText("live", { exact: true }).waitFor();
  const client = await connect(broker, "orders-service", `orders-service/${MARKUP}${TURNED}`);
  await attack(broker, client);
  const flooder = await connect(broker, "inventory-service", `inventory-service/${MARKUP}${TURNED}`);
  for (let i = 0; i < 8; i++) await publish(flooder, ["inventory/p1/stock", '{"productId":"p1","quantity":1,"updatedAt":"2026-01-01T00:00:00Z"}']);
  await refusals(page, "wide");
  await entities(page, "wide");
  await others(page, "wide");
  const phone = await openPage(broker.page, { width: 360, height: 740, colorScheme: "dark" });
  await signIn(phone, broker, "backoffice");
  await refusals(phone, "phone");
  await entities(phone, "phone");
  await others(phone, "phone");
  await links(broker);
  for (const it of [page, phone]) check("no errors of scripts or the policy", it.problems.length === 0, it.problems.join("; "));
  await client.endAsync(true);
  await flooder.endAsync(true);
  rmSync(folder, { recursive: true });
});
