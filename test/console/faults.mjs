// Watch while something is the matter: the database away, the broker gone, a token that ends, a
// client id taken over, a broken contract, a mode forced off, no scopes; and times in other zones.
import { execFileSync, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, check, checkAccessible, checkFits, checkSoon, checkThat, fillSignIn, goTo, lacksPostgres, openPage, publish, require, run, shot, signIn, skip, startBroker, startPostgres, top, until } from "./harness.mjs";

const mqtt = require("mqtt");

const SLOW_MS = 180_000; // what the broker notices by itself, or says every ten seconds
const TOKENS_S = [12, 24, 48, 96]; // one that ends before it is signed in with is followed by a longer one
const PARTS = ["overview", "refusals", "entities", "entities/order", "entities/order/ord-1", "alerts", "bans", "numbers", "broker"];
const go = (page, at) => goTo(page, `#/${at}`);
const connected = (page) => page.locator(".account").getByText("connected", { exact: true }).waitFor({ timeout: SLOW_MS });
const now = () => new Date().toISOString();
const order = (id, status) => [`orders/${id}/status`, JSON.stringify({ orderId: id, status, updatedAt: now(), ...(status === "PLACED" ? { userId: "customer-a" } : {}) })];

const connect = (broker, user, id) => mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, {
  protocolVersion: 5, username: user, password: broker.password(user), clientId: `${user}/${id}`, reconnectPeriod: 0,
});

async function tell(broker, messages) {
  let client = null;
  await until(async () => (client = await connect(broker, "orders-service", "f").catch(() => null)) !== null, "the listener");
  for (const message of messages) await publish(client, message);
  await client.endAsync(true);
}

/** One page each, so that one end of the broker is seen by all. */
async function brokerEnds(broker) {
  const pages = await Promise.all(PARTS.map(async (part) => {
    const page = await openPage(broker.page);
    await signIn(page, broker, "backoffice");
    await go(page, `watch/${part}`);
    return page;
  }));
  const words = (page) => page.locator(".watch").innerText();
  // What came before may have raised an alert, which is then on the page.
  const known = [/What is in force/, /orders\/bad\/status/, /payment/, /ord-1/, /APPROVED/, /No alert is active|raise it/, /Nobody is held off/, /Published/, /Mosquitto/];
  for (const [i, page] of pages.entries())
    await checkThat(`${PARTS[i]}: is there`, () => until(async () => known[i].test(await words(page)), String(known[i])));
  await broker.end("SIGKILL");
  for (const [i, page] of pages.entries()) {
    await checkThat(`${PARTS[i]}: a broker that is gone is said`, () => page.getByText("Trying again").waitFor());
    check(`${PARTS[i]}: what is on the page stays`, known[i].test(await words(page)));
    await shot(page, `faults-gone-${PARTS[i].replaceAll("/", "-")}`);
  }
  await broker.start();
  await tell(broker, [order("ord-1", "SHIPPED"), order("after", "LOST")]);
  for (const [i, page] of pages.entries()) {
    await checkThat(`${PARTS[i]}: it comes back`, () => connected(page));
    await checkThat(`${PARTS[i]}: and is well`, () => until(async () =>
      (await page.getByText("Trying again").count()) === 0 && (await page.locator("[role=alert]").count()) === 0, async () => page.locator("main").innerText()));
  }
  await checkThat("the order's page has what came meanwhile", () => until(async () => {
    await pages[4].getByRole("button", { name: "Load anew" }).click(); // what came after it was connected
    return (await pages[4].locator(".entity-row .badge", { hasText: "SHIPPED" }).count()) === 1;
  }, "SHIPPED"));
  await checkThat("refusals have what came meanwhile", () => until(async () => (await words(pages[1])).includes("orders/after/status"), "the refusal"));
  for (const page of pages) {
    check("no errors of scripts", page.problems.length === 0, page.problems.join("; "));
    await page.context().close();
  }
}

/** SQLite: somebody holds the lock, so that nothing can be written. */
async function databaseLocked(page, broker) {
  await go(page, "watch/overview");
  const holder = spawn("sqlite3", [join(broker.folder, "petstore.db")], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    holder.stdin.write("PRAGMA busy_timeout=20000;\nBEGIN IMMEDIATE;\nSELECT 'held';\n");
    await new Promise((held) => holder.stdout.on("data", (data) => String(data).includes("held") && held()));
    await tell(broker, [order("locked", "PLACED")]);
    await checkThat("a locked database: the overview says so", () => page.locator(".health").getByText(/The database is \d+ seconds behind/).waitFor({ timeout: SLOW_MS }));
    await shot(page, "faults-locked");
    await go(page, "watch/entities/order");
    await checkThat("a locked database: what it has is shown", () => page.getByRole("link", { name: "ord-1", exact: true }).waitFor());
  } finally {
    holder.stdin.end("ROLLBACK;\n");
  }
  await checkThat("then the order is there", () => until(async () => {
    await page.getByRole("button", { name: "Load anew" }).click();
    return (await page.getByRole("link", { name: "locked", exact: true }).count()) === 1;
  }, "the order"));
  await go(page, "watch/overview");
  await checkThat("and it is said no more", () => until(async () => (await page.locator(".health").getByText("seconds behind").count()) === 0, "well", SLOW_MS));
}

async function contracts(page, broker, contract) {
  const good = readFileSync(contract, "utf8");
  await go(page, "watch/broker");
  const reload = async () => {
    await page.getByRole("button", { name: "Reload", exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Reload" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  writeFileSync(contract, good.replace('"PLACED"', '"PLACED'));
  await reload();
  await checkThat("a contract that is no JSON: why, and what holds", () => page.getByText("The reload failed, and what was in force still is.").waitFor());
  const said = page.getByLabel("What the plugin says");
  await checkSoon("and they are in sight", () => said.evaluate((it) => it.getBoundingClientRect().top < innerHeight));
  await checkSoon("the plugin's words name file and place", async () => /contract\.json/.test(await said.innerText()), () => said.innerText());
  await checkFits(page, "a broken contract");
  await checkAccessible(page, "a broken contract");
  await shot(page, "faults-contract");
  await page.getByRole("combobox", { name: "Mode of Limits" }).selectOption("off");
  await page.getByRole("dialog").getByRole("button", { name: "Set it to off" }).click();
  await checkThat("a mode forced off: on each page", () => page.locator(".modes").getByText("limits: not checked (forced by a command until the next reload)").waitFor());
  await go(page, "watch/overview");
  await checkThat("a mode forced off: first on the overview", () => page.locator(".health").getByText("The contract's limits part is not checked, by a command.").waitFor());
  await checkThat("a failed reload: on the overview, too", () => page.locator(".health").getByText("One reload failed within the last hour").waitFor({ timeout: SLOW_MS }));
  await shot(page, "faults-off");
  await go(page, "watch/broker");
  writeFileSync(contract, good.replace('"version": "1.0.0"', '"version": "1.0.1"').replace('"version":"1.0.0"', '"version":"1.0.1"'));
  await reload();
  await checkThat("a good contract: it is in force", () => page.getByText("Reloaded: Petstore MQTT API 1.0.1").waitFor());
  await checkThat("and the page has it", () => page.locator(".panel", { hasText: "What runs" }).getByText("Petstore MQTT API 1.0.1").waitFor());
  await checkThat("the forced mode is over", () => page.locator(".modes").waitFor({ state: "detached" }));
}

/** An account without a single scope. */
async function noScopes(broker) {
  const page = await openPage(broker.page);
  await signIn(page, broker, "customer-b");
  for (const part of PARTS) {
    await go(page, `watch/${part}`);
    await page.locator(`.watch .tabs a[aria-current="page"][href="#/watch/${part.split("/")[0]}"]`).waitFor();
    await checkThat(`no scopes: ${part} says what it takes`, () => page.locator(".watch").getByText(/takes (the scope|one of the scopes)|There is no entity that/).first().waitFor());
    check(`no scopes: ${part} tells no fault`, (await page.locator("[role=alert]").count()) === 0);
    await shot(page, `faults-none-${part.replaceAll("/", "-")}`);
  }
  await page.context().close();
}

/** Two pages with one client id push each other out, until one gives up. */
async function takenOver(broker) {
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = await openPage(broker.page);
    await fillSignIn(page, { url: broker.ws, user: "monitor", password: broker.password("monitor"), clientId: "monitor/twice" });
    await page.locator(".views").getByText("Watch").click();
    pages.push(page);
  }
  const said = (page) => page.getByText(/Another connection took this client id over|another one may use the same client id/);
  let ended = null;
  await checkThat("a client id taken over: one of the two gives it up, and says so", () => until(async () => {
    for (const page of pages) if (await said(page).count()) ended = page;
    return ended !== null;
  }, "words", SLOW_MS));
  if (!ended) return;
  await checkThat("and what to do", () => ended.getByText("Sign in again to have it back.").first().waitFor());
  await go(ended, "watch/refusals");
  check("it is not called live", (await ended.locator(".watch").getByText("live", { exact: true }).count()) === 0);
  await shot(ended, "faults-taken");
  await checkThat("the other one stays", () => until(async () => pages.some((page) => page !== ended)
    && (await pages.find((page) => page !== ended).locator(".account").getByText("connected", { exact: true }).count()) === 1, "connected", SLOW_MS));
  for (const page of pages) await page.context().close();
}

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function tokenOf(secret, claims) {
  const text = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

async function tokenEnds(broker, secret) {
  const page = await openPage(broker.page);
  const on = page.locator(".account").getByText("connected", { exact: true });
  for (const seconds of TOKENS_S) {
    const s = Math.floor(Date.now() / 1000);
    const token = tokenOf(secret, { iss: "https://id.example", aud: "petstore", sub: "tok-1", iat: s, exp: s + seconds, scope: "read:refusals control:listRefusals" });
    await fillSignIn(page, { url: broker.ws, user: "", password: token, clientId: "tok-1/console" });
    await on.or(page.getByRole("alert")).first().waitFor();
    if (await on.count()) break;
    await page.reload(); // the form as it was
  }
  await go(page, "watch/refusals");
  await checkThat("a token that ends: it is said, and what to do", () => page.getByText(/The token ended at .*: sign in with a new one\./).waitFor({ timeout: SLOW_MS }));
  await shot(page, "faults-token");
  await page.context().close();
}

/** Times are the reader's; the exact one is with them. */
async function zones(broker) {
  for (const [zone, locale] of [["Asia/Kathmandu", "en-GB"], ["America/St_Johns", "en-US"], ["Australia/Lord_Howe", "de-DE"]]) {
    const page = await openPage(broker.page, { timezoneId: zone, locale });
    await signIn(page, broker, "backoffice");
    await go(page, "watch/refusals");
    const time = page.locator(".refusal-time time").first();
    await time.waitFor();
    const [said, exact] = await time.evaluate((it) => [it.innerText, it.title]); // of the same refusal
    const wanted = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone }).format(new Date(exact));
    check(`${zone}: its time`, said.replace(/\s/g, " ").endsWith(wanted.replace(/\s/g, " ")) && /^20\d\d-.*Z$/.test(exact), `${said} for ${exact}, not ${wanted}`);
    await shot(page, `faults-zone-${zone.replace("/", "-")}`);
    await page.context().close();
  }
}

/** PostgreSQL goes and comes back while the page looks. */
async function postgresAway() {
  const postgres = await startPostgres();
  const broker = await startBroker({ env: { OPTIONS: `plugin_opt_sys_interval 1\nplugin_opt_broker one\nplugin_opt_journal petstore.journal\nplugin_opt_database ${postgres.conninfo}` } });
  await tell(broker, [order("ord-1", "PLACED"), order("bad", "LOST")]);
  const page = await openPage(broker.page);
  await signIn(page, broker, "backoffice");
  await go(page, "watch/entities/order");
  await page.getByRole("link", { name: "ord-1", exact: true }).waitFor({ timeout: SLOW_MS });
  await postgres.tell("stop");
  await tell(broker, [order("away", "PLACED")]);
  await checkThat("PostgreSQL is away: it is said", () => until(async () => {
    await page.getByRole("button", { name: "Load anew" }).click();
    return (await page.locator("main [role=alert]").getByText("Nothing that was kept can be looked up until it is back.").count()) === 1;
  }, "words", SLOW_MS));
  check("what was there stays", (await page.getByRole("link", { name: "ord-1", exact: true }).count()) === 1);
  await shot(page, "faults-postgres-orders");
  await go(page, "watch/overview");
  await checkThat("PostgreSQL is away: the overview says it first", () => page.locator(".health").getByText(/The database is \d+ seconds behind/).waitFor({ timeout: SLOW_MS }));
  check("and no count that is not known", (await page.getByText("In the last hour: 0").count()) === 0);
  await checkThat("nor without the reason", () => page.locator("main [role=alert]").getByText("The database can't be read now").waitFor({ timeout: SLOW_MS }));
  await shot(page, "faults-postgres-overview");
  await postgres.tell("start");
  await go(page, "watch/entities/order");
  await checkThat("PostgreSQL is back: so are lookups", () => until(async () => {
    await page.getByRole("button", { name: "Load anew" }).click({ timeout: SLOW_MS });
    return (await page.getByRole("link", { name: "away", exact: true }).count()) === 1;
  }, "the order", SLOW_MS));
  await go(page, "watch/overview");
  await checkThat("and the overview is well", () => until(async () => (await page.locator(".health").getByText("seconds behind").count()) === 0, "well", SLOW_MS));
  check("no errors of scripts", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
  await broker.end();
  await postgres.end();
}

await run(async () => {
  const folder = mkdtempSync(join(tmpdir(), "petstore-faults-"));
  const contract = join(folder, "contract.json");
  writeFileSync(contract, execFileSync(join(build, "petstorectl"), ["contract", "bundle", join(top, "schemas/petstore.asyncapi.json"), "--to", "json"],
    { maxBuffer: 1e8, stdio: ["ignore", "pipe", "ignore"] }));
  const access = JSON.parse(readFileSync(join(top, "docker/access.json"), "utf8"));
  access.users["customer-b"] = { roles: [] };
  const secret = randomBytes(32);
  access.issuers = [{ issuer: "https://id.example", audience: "petstore", principal: "{sub}", clockSkew: 0, algorithms: ["HS256"], keys: "secret.json",
    scopes: ["read:refusals", "control:listRefusals"] }];
  access.clientIds.push("console-*");
  writeFileSync(join(folder, "access.json"), JSON.stringify(access));
  writeFileSync(join(folder, "secret.json"), JSON.stringify({ keys: [{ kty: "oct", k: secret.toString("base64url"), alg: "HS256" }] }));
  chmodSync(join(folder, "secret.json"), 0o600);
  const only = process.env.ONLY?.split(" ");
  const broker = await startBroker({ env: { CONTRACT: contract, ACCESS: join(folder, "access.json"), OPTIONS: "plugin_opt_sys_interval 1" }, files: { "secret.json": readFileSync(join(folder, "secret.json")) } });
  await tell(broker, [order("ord-1", "PLACED"), order("ord-1", "APPROVED"), order("bad", "LOST")]);
  const page = await openPage(broker.page);
  await signIn(page, broker, "backoffice");
  const steps = { tokenEnds: () => tokenEnds(broker, secret), takenOver: () => takenOver(broker), noScopes: () => noScopes(broker), zones: () => zones(broker), databaseLocked: () => databaseLocked(page, broker),
    contracts: () => contracts(page, broker, contract), brokerEnds: () => brokerEnds(broker) };
  for (const [name, step] of Object.entries(steps)) if (!only || only.includes(name)) await step();
  check("no errors of scripts or the policy", page.problems.length === 0, page.problems.join("; "));
  rmSync(folder, { recursive: true });
  const lacks = lacksPostgres();
  if (only && !only.includes("postgresAway")) return;
  if (lacks) skip("PostgreSQL away", lacks);
  else await postgresAway();
});
