// What happens at the broker: refusals, entities, alerts, bans, numbers and commands, as those see it
// who may, and what is said to those who may not.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, checkAccessible, checkFits, checkSoon, checkThat, countDrawnNow, countSpoken, goTo, hasFocus, isFirefox, openPage, publish, require, run, shot, signIn, startBroker, until } from "./harness.mjs";

const mqtt = require("mqtt");

const MANY = Number(process.env.MANY ?? 30_000); // refusals on one page
const KEPT = 5_000; // of those that come
const UNDER_WAY = 1_000; // of them at most: of more the broker drops some for a browser that is slow
const FLOOD_MS = 300_000;
const ELEMENTS_MAX = 2_000; // that one task adds to the page, however many came
const SHOWN_MS = 250; // apart at least is what comes drawn
const SLOW_MS = 180_000; // what the page or the broker does at intervals

const SPOKEN_MAX = 20; // by itself, in a flood of thousands
const TABS_MAX = 80;

/** By the Tab key to what is called @name, or fails: each stop on the way has to be seen. */
async function tabTo(page, name) {
  const stops = [];
  for (let i = 0; i < TABS_MAX; i++) {
    const at = await page.evaluate(() => {
      const it = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(it);
      const { top, bottom } = it.getBoundingClientRect();
      const name = it.getAttribute("aria-label") ?? it.labels?.[0]?.childNodes[0]?.textContent ?? (it === document.body ? "" : it.innerText) ?? "";
      return { name: name.trim(), isSeen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 && bottom > 0 && top < innerHeight };
    });
    if (i > 0 && !at.isSeen && at.name !== "") check(`keyboard: the focus on "${at.name}" is seen`, false);
    if (i > 0 && at.name.startsWith(name)) return check(`keyboard: ${name} is reached, in sight`, at.isSeen);
    stops.push(at.name.slice(0, 30));
    await page.keyboard.press("Tab");
  }
  throw new Error(`no way to ${name} by Tab: ${stops.join(", ")}`);
}

/** Watch by keyboard alone: an order and its history, orders by status, a reload. */
async function byKeyboard(page) {
  await page.reload();
  await signIn(page, page.broker, "backoffice");
  await page.evaluate(() => document.activeElement.blur());
  for (const name of ["Watch", "Entities"]) {
    await tabTo(page, name);
    await page.keyboard.press("Enter");
    await heading(page, name === "Watch" ? "Overview" : name).waitFor({ state: "attached" });
  }
  await page.getByRole("combobox", { name: "Kind" }).locator("option", { hasText: "order" }).first().waitFor({ state: "attached" });
  await tabTo(page, "Kind");
  await page.keyboard.type("order");
  await tabTo(page, "Id");
  await page.keyboard.type("ord-1");
  await page.keyboard.press("Enter");
  await until(async () => (await page.locator(".event").count()) === 2, "both events");
  await tabTo(page, "Payload");
  await page.keyboard.press("Enter");
  await checkThat("keyboard: an order's history", () => page.locator(".event pre").waitFor());
  await go(page, "watch/entities/order");
  await page.getByRole("link", { name: "ord-1", exact: true }).waitFor();
  await tabTo(page, "Status");
  await page.keyboard.type("PLACED");
  await checkThat("keyboard: orders by status", () => until(async () => page.url().includes("status=PLACED")
    && (await page.locator(".entity-id").count()) === 1, "the address and the list"));
  await tabTo(page, "ord-2");
  await go(page, "watch/broker");
  await page.getByRole("button", { name: "Reload", exact: true }).and(page.locator(":enabled")).first().waitFor();
  await tabTo(page, "Reload");
  await page.keyboard.press("Enter");
  await hasFocus(page.getByRole("dialog").getByRole("button", { name: "No" }));
  await tabTo(page, "Reload");
  await page.keyboard.press("Enter");
  await checkThat("keyboard: a reload", () => page.getByText("Reloaded: Petstore MQTT API").waitFor());
  const focused = () => page.evaluate(() => document.activeElement.innerText.trim());
  await checkSoon("keyboard: the focus comes back", async () => (await focused()) === "Reload", focused);
}

/** A client of the broker, as @user. */
async function connect(broker, user, id) {
  let client = null;
  await until(async () => {
    client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, {
      protocolVersion: 5, username: user, password: broker.password(user), clientId: `${user}/${id}`, reconnectPeriod: 0,
    }).catch((error) => {
      if (error.code !== "ECONNREFUSED") throw error; // the listener comes a moment later
      return null;
    });
    return client !== null;
  }, "the listener");
  client.setMaxListeners(0);
  return client;
}

const now = () => new Date().toISOString();
const order = (id, status, more = {}) => [`orders/${id}/status`, JSON.stringify({ orderId: id, status, updatedAt: now(), ...more })];

const go = (page, at) => goTo(page, `#/${at}`);
const heading = (page, name) => page.getByRole("heading", { name, exact: true });
/** Of refusals. */
const rows = (page) => page.locator(".refusal-row");

async function overview(page) {
  await go(page, "watch");
  await checkThat("overview: what is well is said first", () => page.locator(".health h2").waitFor());
  await checkThat("overview: the contract that is in force", () => page.getByText("Petstore MQTT API 1.").first().waitFor());
  await checkThat("overview: numbers", async () => {
    await until(async () => /^\d/.test(await page.locator(".tile-value").first().innerText()), "a rate");
  });
  for (const mode of ["permission", "schema", "transition", "limits"])
    await checkSoon(`overview: the mode of ${mode}`, async () => (await page.getByText(`${mode}: enforce`).count()) > 0);
  await checkThat("overview: since when it runs", () => page.getByText(/plugin \d.*, for \d+ (s|min|h)/).waitFor());
  await checkAccessible(page, "overview");
  await checkFits(page, "overview");
  await shot(page, "watch-overview");
}

async function liveRefusals(page, client) {
  await go(page, "watch/refusals");
  await page.locator(".stream").getByText("live", { exact: true }).waitFor();
  for (let i = 0; i < 5; i++) await publish(client, order(`bad-${i}`, "LOST", { note: "</script><b>x</b>" }));
  await publish(client, ["orders/bad-6/status", "{"]);
  await checkThat("refusals: they come by themselves", () => until(async () => (await rows(page).count()) >= 6, "six rows"));
  await checkSoon("refusals: the newest is first", async () => (await rows(page).first().innerText()).includes("payload-not-json"), () => rows(page).first().innerText());
  await checkThat("refusals: counted by reason", async () => {
    await until(async () => /schema-violation\s*5/.test(await page.locator(".counted").innerText()), "five of schema-violation").catch(async (error) => {
      throw new Error(`${error.message}: ${await page.locator(".counted").innerText()}`.replaceAll("\n", " "));
    });
  });
  await page.getByRole("button", { name: "client", exact: true }).click();
  await checkThat("refusals: counted by client", () => page.locator(".counted").getByText("orders-service/w").waitFor());
  await page.getByRole("button", { name: "topic", exact: true }).click();
  await checkThat("refusals: counted by topic", () => page.locator(".counted").getByText("orders/bad-6/status").waitFor());
  await page.getByRole("button", { name: "principal", exact: true }).click();
  await checkThat("refusals: counted by principal", () => page.locator(".counted").getByText("orders-service", { exact: true }).waitFor());

  await page.getByLabel("Text", { exact: true }).fill("bad-3");
  await checkThat("refusals: filtered by text", () => until(async () => (await rows(page).count()) === 1, "one row"));
  await checkSoon("refusals: the filter is in the address", () => page.url().includes("text=bad-3"), () => page.url());
  await page.getByLabel("Text", { exact: true }).fill("");
  await page.getByRole("combobox", { name: "Reason" }).selectOption("payload-not-json");
  await checkThat("refusals: filtered by reason", () => until(async () => (await rows(page).count()) === 1, "one row"));
  await page.getByRole("combobox", { name: "Reason" }).selectOption("");
  await until(async () => (await rows(page).count()) >= 6, "all again");

  await page.getByRole("button", { name: "Pause" }).click();
  await publish(client, order("late", "LOST"));
  await checkThat("refusals: what comes in a pause is counted, not shown", () => page.getByRole("button", { name: "Go on (1 new)" }).waitFor());
  check("refusals: not shown", (await page.getByText("orders/late/status").count()) === 0);
  await page.getByRole("button", { name: "Go on" }).click();
  await checkThat("refusals: shown then", () => rows(page).getByText("orders/late/status").waitFor());
  await checkAccessible(page, "refusals");
}

/** Of publishes, subscriptions and logins, however it is counted. */
async function sums(page, broker, client) {
  await client.subscribeAsync("pets/#", { qos: 1 }).catch(() => {});
  const options = { protocolVersion: 5, username: "orders-service", password: "no", clientId: "orders-service/no", reconnectPeriod: 0 };
  await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, options).catch(() => {});
  await go(page, "watch/overview");
  const number = (text) => Number(text.match(/[\d,]+/)?.[0].replaceAll(",", "") ?? NaN); // not known yet
  let last = "";
  await checkThat("overview: what was refused is the same sum by the broker's count and by reason", () => until(async () => {
    const panel = page.locator(".panel", { has: heading(page, "Refused by reason") });
    const tile = number(await page.getByRole("link", { name: /^Refused/ }).filter({ has: page.locator(".tile-more") }).locator(".tile-more").innerText());
    const said = number(await panel.getByText("In the last hour:").innerText());
    const bars = (await panel.locator(".bar-count").allInnerTexts()).map(number).reduce((sum, it) => sum + it, 0);
    last = [tile, said, bars].join();
    return tile >= 9 && tile === said && tile === bars;
  }, "the same sum", SLOW_MS).catch((error) => { throw new Error(`${error.message}: ${last}`); }));
}

async function oneRefusal(page) {
  await rows(page).filter({ hasText: "bad-2" }).click();
  const open = page.locator(".opened");
  await checkThat("a refusal: what it means and what to do", () => open.getByText("What to do:").waitFor());
  await checkThat("a refusal: all faults", () => open.getByText("2 faults").waitFor());
  await checkThat("a refusal: the payload, its first fault marked", async () => {
    const marked = await open.locator("mark").first().innerText();
    if (marked !== '"LOST"') throw new Error(marked);
  });
  check("a refusal: nothing of the payload is HTML", (await open.locator("pre b").count()) === 0);
  await open.getByText("Problem document").click();
  await checkThat("a refusal: its problem document", () => open.getByText('"decisionId"').waitFor());
  const link = await open.getByRole("link", { name: "Try it" }).getAttribute("href");
  const message = JSON.parse(Buffer.from(link.split("m=")[1], "base64url").toString());
  check("a refusal: a link to try it", message.topic === "orders/bad-2/status" && message.payload.includes("LOST"), JSON.stringify(message));
  check("a refusal: a link to its entity", (await open.getByRole("link", { name: "order bad-2" }).getAttribute("href")) === "#/watch/entities/order/bad-2");
  await checkAccessible(page, "a refusal");
  await shot(page, "watch-refusal");
  const address = page.url();
  await page.keyboard.press("Escape");
  await checkThat("a refusal: closed by Escape", () => open.waitFor({ state: "detached" }));
  return address;
}

async function backInTime(page, client, refusal) {
  for (let i = 0; i < 130; i++) await publish(client, order(`old-${i}`, "LOST"));
  const count = ["-cmd", ".timeout 20000", join(page.broker.folder, "petstore.db"), "SELECT count(*) FROM refusals WHERE topic LIKE 'orders/old-%'"];
  await until(() => Number(execFileSync("sqlite3", count)) === 130, "the database, which has them a moment later");
  await page.reload();
  await signIn(page, page.broker, "backoffice");
  await go(page, "watch/refusals");
  await checkThat("kept refusals: a page of them", () => until(async () => (await rows(page).count()) >= 50, "fifty rows"));
  for (let i = 0; i < 3 && (await rows(page).count()) < 130; i++) {
    const before = await rows(page).count();
    await page.getByRole("button", { name: "Earlier ones" }).press("Enter"); // not where it stood before the sums above it came
    await until(async () => (await rows(page).count()) > before, "more rows");
  }
  await checkSoon("kept refusals: paged back", async () => (await rows(page).count()) >= 130, () => rows(page).count());
  const seen = await rows(page).evaluateAll((links) => links.map((it) => it.getAttribute("href")));
  check("kept refusals: each once", new Set(seen).size === seen.length);
  await page.goto(refusal);
  await checkThat("a link to a refusal: looked up", () => page.locator(".opened").getByText("orders/bad-2/status").first().waitFor());
}

async function entities(page, client) {
  const owner = { userId: "customer-a", totalAmount: "12.50", currency: "EUR" };
  await publish(client, order("ord-1", "PLACED", owner));
  await publish(client, order("ord-1", "APPROVED"));
  await publish(client, order("ord-2", "PLACED", { userId: "customer-b" }));
  for (const [id, events] of [["ord-1", 2], ["ord-2", 1]]) {
    await go(page, `watch/entities/order/${id}`);
    await until(async () => { // the ledger keeps them a moment later
      if ((await page.locator(".event").count()) === events) return true;
      await page.getByRole("button", { name: "Load anew" }).click();
      return false;
    }, `the events of ${id}`);
  }
  await go(page, "watch/alerts"); // which kinds there are, and how many, is asked for when one comes to them
  await go(page, "watch/entities");
  await checkThat("entities: which there are", () => heading(page, "order").waitFor());
  await checkThat("entities: how many by status", () => page.locator("#kind-order ~ .bars").getByText("APPROVED").waitFor());
  await checkAccessible(page, "entities");
  await page.getByRole("combobox", { name: "Kind" }).selectOption("order");
  await page.getByLabel("Id", { exact: true }).fill("ord-1");
  await page.getByRole("button", { name: "Look up" }).click();
  await checkThat("an order: its row", () => page.locator(".entity-row").getByText("customer-a").waitFor());
  await checkThat("an order: where it is on its diagram", () => page.locator(".diagram .current").getByText("APPROVED").first().waitFor());
  for (const [what, name] of [["the way that it took", ".diagram .went"], ["when", ".diagram .state-time"], ["its events", ".event"]])
    await checkSoon(`an order: ${what}`, async () => (await page.locator(name).count()) === 2, () => page.locator(name).count());
  const newest = () => page.locator(".event").first().innerText();
  await checkSoon("an order: what changed", async () => /\/status\s*"PLACED"\s*→.*"APPROVED"/s.test(await newest()), newest);
  const step = await page.getByRole("link", { name: "SHIPPED in Try" }).getAttribute("href");
  const message = JSON.parse(Buffer.from(step.split("m=")[1], "base64url").toString());
  const payload = JSON.parse(message.payload);
  check("an order: the next step, prepared", message.topic === "orders/ord-1/status" && payload.status === "SHIPPED" && payload.orderId === "ord-1", JSON.stringify(message));
  await page.locator(".event summary").first().click();
  await checkThat("an order: an event's payload", () => page.locator(".event pre").getByText('"APPROVED"').waitFor());
  await checkAccessible(page, "an order");
  await shot(page, "watch-order");

  const listed = async () => (await page.locator(".entity-id").allInnerTexts()).join();
  await go(page, "watch/entities/order?status=PLACED");
  await checkSoon("orders: by status", async () => (await listed()) === "ord-2", listed);
  await go(page, "watch/entities/order?owner=customer-a");
  await checkSoon("orders: by owner", async () => (await listed()) === "ord-1", listed);
  await go(page, "watch/entities/order/no-such");
  await checkThat("an order that is not there: says so", () => page.getByText("There is no order with the id no-such").waitFor());
}

async function ownEntities(broker) {
  const page = await openPage(broker.page, { width: 360, height: 740 });
  await signIn(page, broker, "customer-a");
  await go(page, "watch/entities/order");
  await checkThat("a customer: sees its own order", () => page.getByRole("link", { name: "ord-1", exact: true }).waitFor());
  check("a customer: and nobody else's", (await page.getByRole("link", { name: "ord-2" }).count()) === 0);
  for (const [part, scope] of [["alerts", "control:listAlerts"], ["bans", "control:listBans"], ["refusals", "control:listRefusals"],
    ["numbers", "control:counters"], ["broker", "control:reload"], ["overview", "control:countRefusals"]]) {
    await go(page, `watch/${part}`);
    await checkThat(`a customer: ${part} says which scope it takes`, () => page.getByText(scope).first().waitFor());
    await checkAccessible(page, `${part}, on a phone, without scopes`);
    await checkFits(page, `${part}, on a phone`);
  }
  check("a customer: nothing was asked that it may not", !/(scope-missing|filter-unreachable).*customer-a\/console/.test(broker.log()));
  check("a customer: no errors", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

async function alertsAndBans(page, client) {
  await go(page, "watch/alerts");
  await page.getByText("None was raised or cleared").waitFor();
  for (let i = 0; i < 8; i++) await publish(client, ["inventory/p1/stock", '{"productId":"p1","quantity":1,"updatedAt":"2026-01-01T00:00:00Z"}']);
  await checkThat("alerts: one comes by itself, with what it means", () =>
    page.getByRole("list", { name: "Alerts that came" }).getByText("The same message again and again").first().waitFor());
  await checkThat("alerts: it is active", () => page.getByRole("list", { name: "Active alerts" }).getByText("duplicate-flood").waitFor());
  await checkThat("alerts: how far a clock is off, in words", () => page.getByText(/the last one [^,;-]+ in the past/).first().waitFor());
  await checkThat("alerts: what to do", () => page.getByText("What to do:").first().waitFor());
  await checkAccessible(page, "alerts");
  await shot(page, "watch-alerts");

  await go(page, "watch/bans");
  const bans = page.getByRole("list", { name: "Bans" });
  await checkThat("bans: who, and for how long", () => bans.getByText(/banned.*inventory-service/s).first().waitFor());
  await checkAccessible(page, "bans");
  await bans.getByRole("button", { name: "Lift" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "No" }).click();
  await checkSoon("bans: nothing is done after a no", async () => (await bans.getByRole("listitem").count()) === 1);
  await bans.getByRole("button", { name: "Lift" }).first().click();
  await hasFocus(page.getByRole("dialog").getByRole("button", { name: "No" }));
  await checkAccessible(page, "a question");
  await tabTo(page, "Lift it");
  await page.keyboard.press("Enter");
  await checkThat("bans: lifted, and the broker's answer is shown", () => page.getByText("The broker lifted one ban").waitFor());
  await checkThat("bans: it is gone from the list", () => page.getByText("Nobody is held off.").waitFor());
  await checkSoon("bans: the focus is not lost", async () => (await page.evaluate(() => document.activeElement.id)) === "bans-title");
  const again = await connect(page.broker, "inventory-service", "again");
  check("bans: it may connect again", again.connected);
  await again.endAsync();
}

async function numbers(page) {
  await go(page, "watch/numbers");
  const plot = page.getByRole("slider", { name: /^Published/ });
  await plot.waitFor();
  await until(async () => Number(await plot.getAttribute("aria-valuemax")) >= 2, "three readings", SLOW_MS);
  await plot.focus();
  const last = await plot.getAttribute("aria-valuetext");
  await page.keyboard.press("ArrowLeft");
  const before = () => plot.getAttribute("aria-valuetext");
  await checkSoon("numbers: read by keyboard", async () => (await before()) !== last && /accepted .*refused /.test(await before()), before);
  await page.keyboard.press("End");
  await checkThat("numbers: and by pointing", () => until(async () => {
    const { width } = await plot.boundingBox();
    await plot.hover({ position: { x: width - 8, y: 40 } });
    return (await page.locator(".plot-cursor").count()) === 1;
  }, "the cursor"));
  await page.getByText("Table of Published").click();
  await checkThat("numbers: as a table", () => until(async () =>
    (await page.getByRole("region", { name: "Published as a table" }).getByRole("row").count()) >= 3, "three rows"));
  await checkAccessible(page, "numbers");
  await checkFits(page, "numbers");
  await shot(page, "watch-numbers");
}

async function commands(page, broker) {
  await go(page, "watch/broker");
  await checkThat("broker: what runs", () => page.locator(".panel", { has: heading(page, "What runs") }).getByText("yyjson").or(page.getByText("jansson")).first().waitFor());
  await page.getByRole("combobox", { name: "Mode of Schema" }).selectOption("observe");
  await page.getByRole("dialog").getByRole("button", { name: "Set it to observe" }).click();
  await checkThat("broker: a mode is changed, and it is said everywhere", () => page.locator(".modes").getByText("schema: only observed").waitFor());
  await checkAccessible(page, "broker");
  await shot(page, "watch-broker");

  const access = join(broker.folder, "access.json");
  const good = readFileSync(access, "utf8");
  writeFileSync(access, good.replace('"roles": ["monitor"]', '"roles": ["moniteur"]'));
  const reload = async () => {
    await page.getByRole("button", { name: "Reload", exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Reload" }).click();
  };
  await reload();
  await checkThat("broker: a reload that fails says why", () => page.getByLabel("What the plugin says").getByText(/moniteur/).waitFor());
  writeFileSync(access, good);
  await reload();
  await checkThat("broker: a reload that succeeds", () => page.getByText("Reloaded: Petstore MQTT API").waitFor());
  await checkThat("broker: and the forced mode is over", () => page.locator(".modes").waitFor({ state: "detached" }));

  await page.getByLabel("User", { exact: true }).fill("customer-a");
  await page.getByLabel("Topic", { exact: true }).fill("orders/ord-1/status");
  await page.getByLabel("Payload", { exact: true }).fill('{"orderId":"ord-1","status":"CANCELLED","updatedAt":"2026-01-01T00:00:00Z"}');
  await page.getByRole("button", { name: "Ask the broker" }).click();
  await checkThat("broker: what would be refused, and why", () => page.getByText("Refused: user customer-a may not publish this.").waitFor());
  await page.getByRole("combobox", { name: "Does what" }).selectOption("subscribe");
  await page.getByLabel("Filter", { exact: true }).fill("pets/#");
  await page.getByRole("button", { name: "Ask the broker" }).click();
  await checkThat("broker: what would be allowed", () => page.getByText("Allowed: user customer-a may subscribe this.").or(page.getByText("Allowed: user customer-a may subscribe to this.")).waitFor());
  await page.getByText("As they are now").click();
  await checkThat("broker: all counters", () => page.getByText("publish/refused").waitFor());
}

async function scopeTakenAway(page, broker) {
  await go(page, "watch/bans");
  await page.getByText("Nobody is held off.").waitFor();
  const access = join(broker.folder, "access.json");
  const good = readFileSync(access, "utf8");
  const document = JSON.parse(good);
  const role = document.roles.backoffice;
  role.scopes = role.scopes.flatMap((it) => (it === "control:*"
    ? ["control:status", "control:listRefusals", "control:countRefusals"] : it === "control:listBans" ? [] : [it]));
  writeFileSync(access, JSON.stringify(document));
  broker.reload();
  await checkThat("a scope that is taken away meanwhile: says which", () => page.getByText("control:listBans").first().waitFor({ timeout: SLOW_MS }));
  writeFileSync(access, good);
  broker.reload();
  await checkThat("and given back: it is as before", () => until(async () => {
    await page.evaluate(() => dispatchEvent(new Event("focus"))); // it looks again
    return (await page.getByText("control:listBans").count()) === 0 && (await page.getByText("Nobody is held off.").count()) === 1;
  }, "the bans"));
}

async function brokerVanishes(page, broker) {
  await go(page, "watch/refusals");
  await until(async () => (await rows(page).count()) > 0, "rows");
  await broker.end("SIGKILL");
  await page.getByText("Trying again").waitFor();
  check("a broker that vanishes: what is on the page stays", (await rows(page).count()) > 0);
  await broker.start();
  await page.locator(".account").getByText("connected", { exact: true }).waitFor({ timeout: SLOW_MS });
  const client = await connect(broker, "orders-service", "w2");
  await checkThat("it comes back: what comes is shown again", async () => {
    await until(async () => {
      await publish(client, order("after", "LOST"));
      return (await rows(page).getByText("orders/after/status").count()) > 0;
    }, "a row");
  });
  await client.endAsync();
}

/** From many clients, as fast as the page takes them: it goes on and keeps a bounded list. */
async function flood(page, broker) {
  await go(page, "watch/refusals");
  await page.locator(".stream").getByText("live", { exact: true }).waitFor();
  await page.evaluate(() => {
    globalThis.redrawn = 0;
    let [row, refusal] = [null, ""]; // the first one, and whose it was
    new MutationObserver(() => {
      const link = document.querySelector(".refusal-row");
      if (link && link === row && link.href !== refusal) globalThis.redrawn++;
      [row, refusal] = [link, link?.href ?? ""];
    }).observe(document.querySelector(".stream"), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const told = async () => Number(/([\d,]+) since/.exec(await page.locator(".stream").innerText())?.[1].replace(/,/g, "") ?? 0);
  const spoken = await countSpoken(page);
  await countDrawnNow(page);
  const [start, begun] = [Date.now(), await told()];
  const clients = await Promise.all(Array.from({ length: 4 }, (_, i) => connect(broker, "orders-service", `flood-${i}`)));
  let sent = 0;
  await checkThat(`${MANY} refusals: each is counted`, () => until(async () => {
    const came = (await told()) - begun;
    if (sent < MANY && sent - came <= UNDER_WAY / 2)
      for (const end = sent + UNDER_WAY / 2; sent < end; sent++) clients[sent % 4].publish(`orders/f-${sent % 977}/status`, `{"n":${sent}}`, { qos: 0 });
    return came === MANY;
  }, () => `${sent} sent`, FLOOD_MS));
  const ms = Date.now() - start;
  if (MANY >= 2 * KEPT) await checkThat(`${MANY} refusals: what is left out is said`, () => page.getByText("More came than this page keeps").waitFor());
  const { redrawn, mostDrawn, drawings } = await page.evaluate(() => ({ redrawn, mostDrawn, drawings }));
  check(`${MANY} refusals: rows are drawn where others were, not made anew`, redrawn > 0);
  console.log(`      ${MANY} refusals in ${(ms / 1000).toFixed(1)} s: drawn ${drawings} times, ${mostDrawn} elements at most`);
  check(`${MANY} refusals: nothing is read out for each of them`, (await spoken()).length <= SPOKEN_MAX + ms / SHOWN_MS / 20, (await spoken()).slice(0, 5).join("; "));
  check(`${MANY} refusals: no task draws what came by itself`, mostDrawn <= ELEMENTS_MAX, `${mostDrawn} elements`);
  check(`${MANY} refusals: the list is bounded`, (await rows(page).count()) <= 200, await rows(page).count());
  await page.getByLabel("Text", { exact: true }).fill("f-12/");
  await checkThat(`${MANY} refusals: it is usable`, () => until(async () => (await rows(page).evaluateAll((all) =>
    all.length > 0 && all.every((row) => row.innerText.includes("f-12/")))), "filtered rows"));
  await shot(page, "watch-flood");
  for (const client of clients) await client.endAsync(true);
}

await run(async () => {
  // What the refusals here would raise, and clear a minute later, is not looked at.
  const monitor = { "duplicate-flood": { threshold: 5, response: "ban", seconds: 600 }, "publish-rate": { enabled: false }, "refusal-streak": { enabled: false } };
  const folder = mkdtempSync(join(tmpdir(), "petstore-watch-"));
  writeFileSync(join(folder, "monitor.json"), JSON.stringify(monitor));
  const broker = await startBroker({
    env: { OPTIONS: `plugin_opt_sys_interval 1\nplugin_opt_notices_per_second 10000\nplugin_opt_monitor ${join(folder, "monitor.json")}` },
  });
  const client = await connect(broker, "orders-service", "w");
  const inventory = await connect(broker, "inventory-service", "w");
  const page = await openPage(broker.page);
  page.broker = broker;
  await signIn(page, broker, "backoffice");
  await overview(page);
  await liveRefusals(page, client);
  await sums(page, broker, client);
  await go(page, "watch/refusals");
  const refusal = await oneRefusal(page);
  await backInTime(page, client, refusal);
  await entities(page, client);
  await ownEntities(broker);
  await alertsAndBans(page, inventory);
  // Firefox's driver makes another page's window the active one at times; keyboard.mjs has one page.
  if (!isFirefox) await byKeyboard(page);
  await numbers(page);
  await commands(page, broker);
  await scopeTakenAway(page, broker);
  await flood(page, broker);
  await brokerVanishes(page, broker);

  const dark = await openPage(broker.page, { colorScheme: "dark", width: 360, height: 740 });
  await signIn(dark, broker, "backoffice");
  for (const part of ["overview", "refusals", "entities", "entities/order", "entities/order/ord-1", "alerts", "bans", "numbers", "broker"]) {
    await go(dark, `watch/${part}`);
    if (part === "overview") await checkThat("overview, phone: what is well is said", () => dark.locator(".health-good, .health-warn").waitFor());
    if (part === "overview") await checkThat("overview, phone: the newest end of each line is within its tile", () => until(() =>
      dark.locator(".spark").evaluateAll((all) => all.length > 0 && all.every((it) => it.firstElementChild.clientWidth <= it.clientWidth)), "the lines' width"));
    await until(async () => (await dark.getByText(/^(Asking the broker|Looking it up|Loading|Counting)…$/).count()) === 0, "the answers");
    await checkSoon(`${part}, phone: its tab is in sight`, () => dark.evaluate(() => {
      const tab = document.querySelector('.watch .tabs [aria-current="page"]').getBoundingClientRect();
      return tab.left >= 0 && tab.right <= innerWidth;
    }));
    await checkAccessible(dark, `${part}, dark, phone`);
    await checkFits(dark, `${part}, phone`);
    await shot(dark, `watch-${part.replaceAll("/", "-")}-phone-dark`);
  }
  rmSync(folder, { recursive: true });
  for (const it of [page, dark]) check("no errors of scripts or the policy", it.problems.length === 0, it.problems.join("; "));
});
