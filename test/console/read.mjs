// Read: the contract as pages, built in by `make docs`, without a broker; and a contract of 1,000 channels.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, check, checkAccessible, checkFits, checkSays, checkSoon, checkThat, countDrawn, goTo, hasFocus, isFirefox, openPage, run, shot, skip, until } from "./harness.mjs";

const page = pathToFileURL(join(build, "docs/index.html")).href;
const contract = JSON.parse(readFileSync(join(build, "docs/contract.json"), "utf8"));
const PLACES = ["", "channel/orderStatus", "message/paymentStatus", "machine/order", "entity/order", "scopes", "reasons",
  "alerts", "limits", "servers", "configuration/options", "configuration/access", "all"];

const ELEMENTS_MAX = 2000; // a contract of 1,000 topics has 12,000

const open = (tab, place) => goTo(tab, `#/read/${place}`);
const words = (tab) => tab.locator("article").innerText();
/** Counts that the page says @said, a text or a pattern. */
const says = (tab, what, said) => checkSoon(what, async () => (said instanceof RegExp ? said.test(await words(tab)) : (await words(tab)).includes(said)));

async function contents(tab) {
  await open(tab, "");
  for (const { address } of Object.values(contract.channels)) await says(tab, `overview: ${address}`, address);
  await open(tab, "channel/orderStatus");
  await tab.getByRole("heading", { name: "Order status updates", level: 1 }).waitFor();
  for (const said of ["QoS: 1 or 2", "never a last will", "whoever has the scope write:orders", "write:orders:own", "orders/+/status",
    "If status is PLACED: userId is required.", "required", "time (RFC 3339)", "Who ordered, and may therefore see the order.", "CANCELLED", "userId",
    "as the state machine order allows", "No other members."])
    await says(tab, `a topic: ${said}`, said);
  await open(tab, "channel/paymentStatus");
  for (const said of ["QoS: 2", "never retained", "survives a power cut", "last4"]) await says(tab, `a topic: ${said}`, said);
  await open(tab, "channel/petStatus");
  await says(tab, "any QoS in words", "QoS: any");
  for (const [name, machine] of Object.entries(contract["x-state-machines"])) {
    await open(tab, `machine/${name}`);
    await tab.getByRole("heading", { name: `State machine: ${name}` }).or(tab.locator("article h1", { hasText: name })).first().waitFor();
    const drawn = await tab.locator(".diagram svg[role=img] text").allTextContents();
    const table = await tab.locator("table.steps").innerText();
    for (const state of Object.keys(machine.next)) check(`${name}: ${state} drawn and in the table`, drawn.includes(state) && table.includes(state));
    check(`${name}: final ones are marked`, (await tab.locator(".diagram .state.final text").count()) === Object.values(machine.next).filter((it) => it.length === 0).length);
    check(`${name}: a beginning`, (await tab.locator(".diagram svg[role=img] .start").count()) === 1);
    check(`${name}: scopes on the steps`, Object.values(machine.next).flat().filter((it) => it.scope).every((it) => drawn.includes(`needs ${it.scope}`)));
  }
  await open(tab, "machine/order");
  await says(tab, "what a scope on a line means, by its name", "needs write:orders: who has the scope write:orders takes it, and who has write:orders:own takes it for what is its own");
  await open(tab, "entity/payment");
  for (const column of ["failure_reason", "order_id"]) await says(tab, `an entity's columns, and whose it is: ${column}`, column);
  await open(tab, "scopes");
  await says(tab, "scopes with who uses them", /read:orders[\s\S]*orders\/\{orderId\}\/payment/);
  await open(tab, "reasons/rate-exceeded");
  await says(tab, "a reason with what to do", /rate-exceeded[\s\S]*Send slower\./);
  const row = tab.locator("tr.here");
  await checkSoon("its row is marked", async () => /rate-exceeded/.test(await row.innerText()));
  await checkSoon("and in sight", async () => {
    const { y } = await row.boundingBox();
    return y >= 0 && y <= 900;
  }, async () => JSON.stringify(await row.boundingBox()));
  await open(tab, "limits");
  await says(tab, "limits in words", /at most 16,384 bytes[\s\S]*at most 2,000 messages a second/);
  await open(tab, "servers");
  await says(tab, "the server with its port", "mqtts://localhost:8883");
  await open(tab, "configuration/contract-extensions/contract-extensions-x-limits");
  await says(tab, "a table of the operator's files, by its anchor", "payloadBytes");
  await open(tab, "configuration/options");
  await says(tab, "options", "plugin_opt_notices_per_second");
  await open(tab, "channel/nobody");
  await says(tab, "an unknown page says so", "has no channel nobody");
}

async function looks() {
  const screens = [[360, "dark"], [1280, "light"], [1920, "light"]];
  for (const [width, colorScheme] of isFirefox ? screens.slice(0, 1) : screens) {
    const tab = await openPage(page, { width, height: width < 400 ? 740 : 1000, colorScheme });
    for (const place of PLACES) {
      await open(tab, place);
      await tab.locator("article h1").first().waitFor();
      await checkFits(tab, `${place || "overview"} at ${width}`);
      if (width < 1900 && place !== "all") await checkAccessible(tab, `${place || "overview"}, ${colorScheme}`);
      await shot(tab, `read-${place.replace(/\W/g, "-") || "overview"}-${width}-${colorScheme}`);
    }
    check(`${width}: no errors`, tab.problems.length === 0, tab.problems.join("; "));
    if (width === 1920) {
      await open(tab, "channel/orderStatus");
      const right = async () => {
        const { x, width: wide } = await tab.locator("aside").boundingBox();
        return x + wide;
      };
      await checkSoon("at 1920 px the page is used to its right", async () => (await right()) > 1600, right);
    }
    if (width === 360) {
      await open(tab, "scopes");
      await checkThat("on a phone the contents are closed", () => tab.locator("#read-nav").waitFor({ state: "hidden" }));
      await tab.getByRole("button", { name: "Contents" }).click();
      await tab.locator("#read-nav").getByRole("link", { name: "Limits" }).click();
      await tab.getByRole("heading", { name: "Limits", level: 1 }).waitFor();
      await checkThat("and close after a choice", () => tab.locator("#read-nav").waitFor({ state: "hidden" }));
    }
    await tab.close();
  }
}

/** On 4K as on a small screen the room is used, and nothing of an example is cut. */
async function room() {
  for (const [width, height] of [[1280, 900], [3840, 2160]]) {
    const tab = await openPage(page, { width, height });
    await open(tab, "channel/orderStatus");
    const right = async () => {
      const { x, width: wide } = await tab.locator("aside").boundingBox();
      return x + wide;
    };
    await checkSoon(`${width}: the page is used to its right`, async () => (await right()) > width * 0.85, right);
    const cut = () => tab.locator("aside pre").evaluateAll((all) => all.filter((it) => it.scrollWidth > it.clientWidth).length);
    await checkSoon(`${width}: examples and programs are whole`, async () => (await cut()) === 0, cut);
    await shot(tab, `read-room-${width}`);
    await tab.context().close();
  }
}

async function searching(tab) {
  await open(tab, "");
  await tab.locator("article h1").click();
  await tab.keyboard.press("/");
  const box = tab.getByRole("combobox");
  await hasFocus(box);
  await tab.keyboard.type("amount");
  const kinds = () => tab.locator(".found-kind").allInnerTexts();
  await checkSoon("results by kind", async () => (await kinds()).includes("Members"), kinds);
  await checkAccessible(tab, "search");
  await shot(tab, "read-search");
  await box.fill("store-unavail");
  await tab.locator('[role="option"][aria-selected="true"]').getByText("store-unavailable").waitFor();
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowUp");
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { name: "Reasons of a refusal" }).waitFor();
  await checkSoon("Enter goes to the place", async () => (await tab.evaluate(() => location.hash)) === "#/read/reasons/store-unavailable");
  await tab.keyboard.press("/");
  await box.fill("zzzzzz");
  await checkThat("nothing found is said", () => tab.getByText("Nothing has all of these words.").waitFor());
  await tab.keyboard.press("Escape");
  await checkThat("Escape closes it", () => box.waitFor({ state: "hidden" }));
}

async function copying(tab) {
  await open(tab, "channel/orderStatus");
  if (!isFirefox) await tab.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const words = () => tab.locator(".address button").allInnerTexts();
  await checkSoon("what is copied is told apart by a word", async () => String(await words()) === "topic,filter", words);
  await checkSays(tab, "copied is said", "Copied", () => tab.getByRole("button", { name: "Copy the topic" }).click());
  const link = await tab.getByRole("link", { name: "Try it" }).getAttribute("href");
  const prepared = JSON.parse(Buffer.from(/m=(.*)/.exec(link)[1], "base64url").toString());
  check("a link to try it, with topic and payload", prepared.channel === "orderStatus"
    && prepared.values.orderId === JSON.parse(prepared.payload).orderId && prepared.qos === 1, JSON.stringify(prepared));
}

async function printing(tab) {
  await open(tab, "all");
  await tab.emulateMedia({ media: "print" });
  for (const { address } of Object.values(contract.channels)) await says(tab, `printed: ${address}`, address);
  for (const it of ["updatedAt", "State machine: payment", "correct:orders", "store-unavailable"]) await says(tab, `printed: messages, machines, scopes, reasons: ${it}`, it);
  await checkSoon("printed: no list of pages, no frame", async () => !(await tab.locator("#read-nav").isVisible()) && !(await tab.locator(".top").isVisible()));
  const pdf = await tab.pdf({ format: "A4" });
  check("the browser prints it", pdf.length > 20_000);
  await tab.emulateMedia({ media: "screen" });
}

/** A topic without a title: its address is the heading, and is there once; so is the filter where that is another. */
async function untitled(tab, place, address, copies) {
  await open(tab, place);
  await tab.locator("article h1", { hasText: address }).waitFor();
  const top = await tab.locator("article h1, .address").evaluateAll((all) => all.map((it) => it.textContent).join(" "));
  check(`${address}: once`, top.split(address).length === 2, top);
  const words = () => tab.locator(".address button").allInnerTexts();
  await checkSoon(`${address}: what may be copied`, async () => String(await words()) === String(copies), words);
}

// Channels of every kind of schema, 1,000 of them, in 20 groups.
function large() {
  const channels = {};
  const operations = {};
  const schemas = {
    node: { title: "Node", type: "object", properties: { value: { type: "integer" }, children: { type: "array", items: { $ref: "#/components/schemas/node" } } } },
    choice: { oneOf: [{ title: "Card", type: "object", properties: { pan: { type: "string" } } }, { title: "Bank", type: "object", properties: { iban: { type: "string" } } }] },
  };
  for (let i = 0; i < 1000; i++) {
    channels[`c${i}`] = {
      ...(i % 10 === 3 ? { address: `site${i % 20}/device${i}` } : { address: `site${i % 20}/device${i}/{id}`, parameters: { id: {} } }),
      messages: { m: { contentType: i % 10 === 1 ? "text/plain" : "application/json", name: `message${i}`,
        payload: i % 10 === 1 ? { type: "string", maxLength: 20 } : { $ref: `#/components/schemas/${i % 2 ? "node" : "choice"}` } } },
    };
    operations[`s${i}`] = { action: "send", channel: { $ref: `#/channels/c${i}` } };
  }
  return { asyncapi: "3.0.0", info: { title: "</script><b>Large", version: "1", description: "<img src=x onerror=alert(1)> **bold**" }, channels, operations, components: { schemas } };
}

async function thousand() {
  const folder = mkdtempSync(join(tmpdir(), "petstore-large-"));
  try {
    writeFileSync(join(folder, "large.json"), JSON.stringify(large()));
    execFileSync(process.execPath, ["--preserve-symlinks", "--preserve-symlinks-main", "build.mjs", join(folder, "large.html"),
      "--reference", "reference.json", "--contract", join(folder, "large.json")], { cwd: process.env.WEB_HOME ?? join(build, "web") });
    const tab = await openPage(null);
    await countDrawn(tab);
    await tab.goto(pathToFileURL(join(folder, "large.html")).href);
    await tab.getByRole("heading", { level: 1 }).waitFor();
    const begin = await tab.evaluate(() => performance.now());
    console.log(`1,000 channels: shown ${Math.round(begin)} ms after the page was asked for`);
    check("MQTT.js is not set up before it is needed", await tab.evaluate(() => !("regeneratorRuntime" in globalThis)));
    await checkThat("all of it is drawn", () => until(async () => (await tab.locator(".topic-list li").count()) === 1000
      && (await tab.locator("#read-nav .read-part li a").count()) >= 2000, "rows"));
    const most = await tab.evaluate(() => globalThis.mostDrawn);
    check("no task draws more than a piece of it", most > 0 && most <= ELEMENTS_MAX, `${most} elements`);
    for (const name of ["</script><b>Large", "<img src=x onerror=alert(1)>"]) await says(tab, `names are text, whatever is in them: ${name}`, name);
    await checkSoon("the list of pages is folded", async () => (await tab.locator("#read-nav details[open]").count()) <= 3);
    await tab.keyboard.press("/");
    await tab.getByRole("combobox").fill("device777");
    await tab.locator('[role="option"][aria-selected="true"]').getByText("site17/device777/{id}").first().waitFor();
    await tab.keyboard.press("Enter");
    await checkThat("the search finds one of them", () => tab.getByRole("heading", { level: 1, name: "site17/device777/{id}" }).waitFor());
    await says(tab, "a schema that refers to itself ends", "list of: Node");
    await untitled(tab, "channel/c2", "site2/device2/{id}", ["topic", "filter"]);
    await untitled(tab, "channel/c3", "site3/device3", ["topic"]);
    await open(tab, "channel/c2");
    await checkThat("variants are told apart", () => tab.getByText("Exactly one of these").waitFor());
    await open(tab, "channel/c1");
    await checkThat("a payload that is no JSON", () => tab.getByText("The payload is: text, at most 20 characters.").waitFor());
    check("no errors", tab.problems.length === 0, tab.problems.join("; "));
    await checkFits(tab, "1,000 channels");
    await tab.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await run(async () => {
  const tab = await openPage(page);
  const requests = [];
  tab.on("request", (request) => { if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) requests.push(request.url()); });
  await contents(tab);
  await searching(tab);
  await copying(tab);
  if (isFirefox) skip("printing", "Firefox is asked for print's styles by no test");
  else await printing(tab);
  check("nothing from elsewhere", requests.length === 0, requests.join(" "));
  check("no errors of scripts or the policy", tab.problems.length === 0, tab.problems.join("; "));
  await looks();
  await room();
  await thousand();
});
