// Try with what the demo's contract does not have: a megabyte, bytes, several messages on a
// channel, a channel that only observes, an account without a scope; and options of MQTT's own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, check, checkAccessible, checkFits, checkSoon, checkThat, isFirefox, require, run, shot, skip, startBroker, top, until } from "./harness.mjs";
import { answer, editor, line, openTry, pick, textOfEditor, write } from "./trying.mjs";

const mqtt = require("mqtt");
const LARGE_MS = 300_000; // Mosquitto 2.0 gives a websocket some 40 kB a second
const HOSTILE = "</script><img src=x onerror=alert(1)>";
const now = () => new Date().toISOString();

/** The demo's contract, changed: stock is bytes, and many, on a channel without a title; a pet's availability one of two messages, observed only. */
function contractOf() {
  const bundled = execFileSync(join(build, "petstorectl"), ["contract", "bundle", join(top, "schemas/petstore.asyncapi.json"), "--to", "json"],
    { maxBuffer: 1e8, stdio: ["ignore", "pipe", "ignore"] });
  const api = JSON.parse(bundled);
  api["x-limits"].payloadBytes = 1_500_000;
  api.components.messages.inventoryStock.contentType = "application/octet-stream";
  delete api.components.messages.inventoryStock.examples;
  delete api.components.parameters.productId.location;
  delete api.channels.inventoryStock["x-time"];
  delete api.channels.inventoryStock.title;
  const at = api.channels.petAvailability;
  at["x-mode"] = { schema: "observe" };
  delete at["x-time"];
  at.messages.petCensus = { name: "petCensus", title: "How many pets there are", contentType: "application/json",
    payload: { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", required: ["census"], properties: { petId: {}, census: { type: "integer" } }, additionalProperties: false },
    examples: [{ name: "few", payload: { petId: "x", census: 3 } }] };
  for (const operation of ["sendPetAvailability", "receivePetAvailability"]) delete api.operations[operation].messages; // all of the channel
  return api;
}

async function start() {
  const folder = mkdtempSync(join(tmpdir(), "petstore-payloads-"));
  try {
    const [contract, access] = ["contract.json", "access.json"].map((name) => join(folder, name));
    writeFileSync(contract, JSON.stringify(contractOf()));
    const accounts = JSON.parse(readFileSync(join(top, "docker/access.json"), "utf8"));
    accounts.users["customer-b"] = { roles: [] };
    writeFileSync(access, JSON.stringify(accounts));
    return await startBroker({ conf: "max_packet_size 2000000", env: { CONTRACT: contract, ACCESS: access } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const feedOf = (broker, user, id) => mqtt.connectAsync(broker.ws, { username: user, password: broker.password(user), clientId: `${user}/${id}`, protocolVersion: 5 });
const rows = (page) => page.getByRole("listbox").getByRole("option");
const send = (page) => page.locator(".send-row button").first().click();

async function subscribe(page, filter) {
  await page.getByLabel("Topic filter", { exact: true }).fill(filter);
  await page.getByRole("button", { name: "Subscribe", exact: true }).last().click();
  await page.locator(".chips li", { hasText: filter }).getByText(/QoS \d/).waitFor();
}

async function save(page, pattern) {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const got = await download;
  check(`saved as ${pattern}`, pattern.test(got.suggestedFilename()), got.suggestedFilename());
  return readFileSync(await got.path());
}

async function large(broker) {
  const page = await openTry(broker, "backoffice");
  const feed = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, { username: "inventory-service", password: broker.password("inventory-service"),
    clientId: "inventory-service/large", protocolVersion: 5 });
  await subscribe(page, "inventory/+/stock");
  const is20 = /mosquitto version 2\.0/.test(broker.log());
  await checkSoon("that it takes long is said where it does", async () => (await page.getByText(/40 kB a second/).count()) === (is20 ? 1 : 0));
  const text = `{"x": "${HOSTILE}${"y".repeat(1_000_000)}"}`;
  await feed.publishAsync("inventory/text/stock", text, { qos: 1 });
  await rows(page).first().click({ timeout: LARGE_MS });
  await checkThat("a megabyte is shown shortened", () => page.getByText(/The first 32 KiB of 1\.0 MB/).waitFor());
  await checkThat("markup in it is text", () => page.locator(".message pre").getByText(HOSTILE).waitFor());
  await shot(page, "try-large");
  await page.getByRole("button", { name: "Show all" }).click();
  await checkThat("and whole where one asks", () => until(async () => (await page.locator(".message pre").innerText()).length >= 1_000_000, "all of it"));
  check("saved whole", (await save(page, /^inventory_text_stock-1\.json$/)).toString() === text);
  await page.getByLabel("Filter by text").fill("onerror");
  await checkThat("the page stays usable: the list is filtered", () => until(async () => (await rows(page).count()) === 1, "one"));
  await page.getByLabel("Filter by text").fill("");

  const bytes = Buffer.from([0, 255, 1, 2, 60, 47]);
  await feed.publishAsync("inventory/bytes/stock", bytes, { qos: 1 });
  await checkThat("bytes in the list", () => rows(page).first().getByText("6 B of bytes").waitFor());
  await rows(page).first().click();
  await checkThat("are shown as hex", () => page.locator(".message pre").getByText(/00 ff 01 02 3c 2f/).waitFor());
  check("and saved as they are", (await save(page, /^inventory_bytes_stock-2\.bin$/)).equals(bytes));
  await feed.endAsync();
  check("no errors of scripts or the policy", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

/** Bytes from the page: a file, base64, hex; the other side gets them as they are. */
async function binary(broker) {
  const page = await openTry(broker, "inventory-service");
  const other = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, { username: "backoffice", password: broker.password("backoffice"),
    clientId: "backoffice/binary", protocolVersion: 5 });
  await other.subscribeAsync("inventory/+/stock", { qos: 1 });
  const got = [];
  other.on("message", (topic, payload) => got.push(payload));
  await pick(page, "A topic that I type");
  await page.getByLabel("Topic", { exact: true }).fill("inventory/raw-1/stock");
  await checkThat("a channel without a title is named once", () => page.getByText("It belongs to inventory/{productId}/stock", { exact: true }).waitFor());
  await pick(page, "inventory/{productId}/stock");
  await page.getByLabel("productId", { exact: true }).fill("raw-1");
  await page.getByRole("radio", { name: "1" }).check({ force: true });
  const expect = async (what, bytes) => {
    const log = page.locator(".sent li");
    const before = await log.count();
    await send(page);
    // Its own answer: that of the one before stands there as well.
    await checkThat(`${what}: accepted`, () => until(async () => (await log.count()) === before + 1 && /event \d+|accepted/.test(await log.first().textContent())
      && (await answer(page).getByText("Accepted").count()) > 0, "the answer", LARGE_MS));
    await until(() => got.length > 0, what, LARGE_MS);
    const first = got.shift();
    check(`${what}: the bytes arrive`, first.equals(bytes), `${first.length} bytes`);
  };
  const way = (name) => page.getByRole("group", { name: "Payload as" }).first().getByRole("button", { name, exact: true });
  await way("Hex").click();
  await write(page, "00 ff 3c 2f");
  await checkSoon("bytes are not called fitting", async () => (await page.getByText("fits the contract").count()) === 0 && (await page.getByText("Not held against the contract here").count()) === 1);
  await expect("hex", Buffer.from([0, 255, 60, 47]));
  await way("Base64").click();
  await write(page, "no base64!");
  await checkThat("base64 that is none", () => page.locator(".complaints").getByText("no base64").waitFor());
  await write(page, "AP8+Lw==");
  await expect("base64", Buffer.from([0, 255, 62, 47]));
  await way("File").click();
  await checkThat("a file is asked for", () => page.locator(".complaints").getByText("Which file?").waitFor());
  const whole = Buffer.alloc(1_000_000, 0);
  whole.write(HOSTILE, 500);
  await page.locator('input[type="file"]').setInputFiles({ name: "whole.bin", mimeType: "application/octet-stream", buffer: whole });
  await page.getByText("whole.bin, 1.0 MB").waitFor();
  await expect("a file of a megabyte", whole);
  await page.locator('input[type="file"]').setInputFiles({ name: "more.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(1_500_001) });
  await checkThat("more than the contract takes", () => page.locator(".complaints").getByText("1500001 bytes; the contract takes 1500000").waitFor());
  await other.endAsync();
  check("no errors of scripts or the policy", page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
}

async function messages(broker) {
  const page = await openTry(broker, "backoffice");
  await subscribe(page, "pets/+/availability");
  await pick(page, "Pet availability updates");
  await page.getByLabel("petId", { exact: true }).fill("two-1");
  await page.getByRole("radio", { name: "1" }).check({ force: true });
  await write(page, '{"census": 4}');
  await checkThat("an id that the topic has and the payload lacks", () => page.locator(".payload .faults").getByText("petId is missing, and the topic says").waitFor());
  await write(page, '{"petId": "two-1", "census": 4}');
  const nearest = page.locator(".payload .below");
  await checkThat("of several messages the one that fits", () => nearest.getByText("How many pets there are").waitFor());
  await checkThat("fits", () => page.getByText("fits the contract").waitFor());
  await page.getByLabel("Message", { exact: true }).selectOption({ label: "Pet availability updates" });
  await checkThat("held against the one that was picked", () => page.locator(".payload .faults").getByText("available is missing").waitFor());
  await page.getByLabel("Message", { exact: true }).selectOption({ label: "How many pets there are" });
  await page.getByText("fits the contract").waitFor();
  await send(page);
  await checkThat("accepted", () => until(async () => (await answer(page).locator("h3").innerText()).trim() === "Accepted", "that word alone"));
  await rows(page).first().click();
  await checkThat("which one came is said", () => page.locator(".message .facts").getByText("How many pets there are").waitFor());
  await page.getByLabel("Example").selectOption({ label: "few" });
  await checkThat("examples of the picked one", () => until(async () => (await textOfEditor(page)).includes('"census": 3'), "it"));

  // The channel's schema is observed: what does not fit passes, and the notice says so.
  await write(page, '{"petId": "two-1", "census": "many"}');
  await page.locator(".payload .faults").getByText("census").first().waitFor();
  await send(page);
  await checkThat("let through, and said to be observed only", () => answer(page).getByText(/Accepted, though the contract is against it/).waitFor());
  await checkThat("with the reasons", () => answer(page).getByText(/census/).first().waitFor());
  await checkThat("and it arrives with its fault", () => rows(page).first().getByText(/fault/).waitFor());
  await shot(page, "try-observed");
  await page.context().close();
}

async function options(broker) {
  const page = await openTry(broker, "backoffice");
  const form = page.locator(".subscribe-form");
  await form.getByText("Options", { exact: true }).click();
  await form.getByLabel(/No local/).check();
  await subscribe(page, "pets/own-1/availability");
  await pick(page, "Pet availability updates");
  await page.getByLabel("petId", { exact: true }).fill("own-1");
  await page.getByRole("radio", { name: "1" }).check({ force: true });
  await page.getByRole("checkbox", { name: "Retain", exact: true }).check();
  await write(page, '{"petId": "own-1", "census": 1}');
  await send(page);
  await answer(page).getByText("Accepted").waitFor();
  const feed = await feedOf(broker, "backoffice", "options");
  await feed.publishAsync("pets/own-1/availability", '{"petId": "own-1", "census": 2}', { qos: 1, retain: true });
  await rows(page).first().getByText('{"petId":"own-1","census":2}').waitFor();
  check("no local: not what was published here", (await rows(page).count()) === 1);
  check("a message that is passed on has no retain flag", (await rows(page).getByText("retained").count()) === 0);

  const unsubscribe = async () => {
    await page.locator(".chips li").getByRole("button").first().click();
    await until(async () => (await page.locator(".chips li").count()) === 0, "unsubscribed");
    await page.getByRole("button", { name: "Clear" }).click();
  };
  await unsubscribe();
  await form.getByLabel(/No local/).uncheck();
  await form.getByLabel("Retained messages").selectOption("2");
  await form.getByLabel("Retain as published").check();
  await subscribe(page, "pets/own-1/availability");
  await feed.publishAsync("pets/own-1/availability", '{"petId": "own-1", "census": 3}', { qos: 1, retain: true });
  await rows(page).first().getByText('{"petId":"own-1","census":3}').waitFor();
  check("retained messages never: only the new one", (await rows(page).count()) === 1);
  check("retain as published: it has the flag", (await rows(page).getByText("retained").count()) === 1);
  await unsubscribe();
  await form.getByLabel("Retained messages").selectOption("0");
  await subscribe(page, "pets/own-1/availability");
  await checkThat("retained messages at once", () => rows(page).first().getByText('{"petId":"own-1","census":3}').waitFor());
  await unsubscribe();

  // Several at once on one topic: each has the answer that is its own. The wrong ones have no PUBACK of their own reason.
  await page.getByRole("radio", { name: "0" }).check({ force: true });
  await page.getByRole("checkbox", { name: "Retain", exact: true }).uncheck();
  await pick(page, "Pet status changes");
  await page.getByLabel("petId", { exact: true }).fill("many-1");
  const steps = [["AVAILABLE", {}], ["ADOPTED", { foo: 1 }], ["PENDING", {}], ["NOPE", {}]];
  const before = await page.locator(".sent li").count();
  for (const [status, more] of steps) {
    await write(page, JSON.stringify({ petId: "many-1", status, updatedAt: now(), ...more }));
    await editor(page).press("Control+Enter");
  }
  const log = page.locator(".sent li");
  await checkThat("sent one after the other", () => until(async () => (await log.count()) === before + steps.length && (await log.getByText(/waiting|queue/).count()) === 0, "all answers"));
  const words = async () => (await log.allInnerTexts()).slice(0, 4).reverse().map((it) => /event \d+|schema-violation|[\w-]+(?=\s*Again)/.exec(it.replace(/\n/g, " "))?.[0]);
  await checkSoon("each has its own answer", async () => (await words()).map((it) => /^[a-z-]+/.exec(it)?.[0]).join() === "event,schema-violation,event,schema-violation",
    async () => (await words()).join());
  await feed.endAsync();
  await page.context().close();
}

async function keepAlive(broker) {
  if (isFirefox) return skip("keep alive", "WebDriver BiDi shows no frames of a websocket");
  const page = await openTry(broker, "backoffice");
  const heard = [];
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => heard.push(Buffer.from(payload))));
  await page.locator(".session summary").click();
  await page.getByLabel("Keep alive, s").fill("2");
  await page.getByLabel("Client id").fill("backoffice/alive");
  await page.getByRole("button", { name: "Connect anew with these" }).click();
  await until(() => heard.some((it) => (it[0] >> 4) === 1 && it.includes("backoffice/alive")), "its CONNECT");
  const connect = heard.find((it) => (it[0] >> 4) === 1);
  const at = connect.indexOf("MQTT") + 6; // after version and flags
  check("keep alive as it was set", connect.readUInt16BE(at) === 2, connect.readUInt16BE(at));
  await checkThat("and it is kept alive by pings", () => until(() => heard.filter((it) => it[0] === 0xc0).length >= 2, "two PINGREQ"));
  await checkThat("without a loss", () => line(page).getByText("connected", { exact: true }).waitFor());
  await page.context().close();
}

async function noScope(broker) {
  const page = await openTry(broker, "customer-b");
  await checkThat("an account without a scope: a sentence", () => page.getByText("has no right to a topic").waitFor());
  await checkSoon("its own refusals are all there is to receive", async () => (await page.locator(".subscribe-form .chip").allInnerTexts()).every((it) => it.startsWith("refusals/customer-b/") || it === "refusals/+/+"));
  await page.getByLabel("Topic", { exact: true }).fill("pets/x/status");
  await checkThat("nor a channel", () => page.getByText("belongs to no channel").waitFor());
  await page.getByRole("radio", { name: "1" }).check({ force: true });
  await write(page, "{}");
  check("nothing is called fitting", (await page.getByText("fits the contract").count()) === 0);
  await send(page);
  await checkThat("and it can try: refused, with a word why", () => answer(page).getByText("Refused").waitFor());
  await page.getByLabel("Topic filter", { exact: true }).fill("pets/#");
  await page.getByRole("button", { name: "Subscribe", exact: true }).last().click();
  await checkThat("a filter is refused", () => page.locator(".chips li.bad").getByText("not authorized").waitFor());
  await checkAccessible(page, "Try without a scope");
  await checkFits(page, "Try without a scope");
  await shot(page, "try-no-scope");
  await page.context().close();
}

const only = process.argv.slice(2); // names of steps, to run these alone

await run(async () => {
  const broker = await start();
  for (const work of [messages, options, keepAlive, noScope, binary, large])
    if (only.length === 0 || only.includes(work.name)) await work(broker);
});
