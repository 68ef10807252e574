// What the console's tests share: a real broker with the built plugin, which serves the page as
// `make run` does; Debian's Chromium; counting. A test file ends with `await finish()`.
//
// WEB_HOME is npm's folder, B the build, CONSOLE the page (B/console.html), CHROMIUM another
// browser; SHOTS a folder for screenshots, those of where a file threw included. BROWSER=firefox:
// Firefox ESR instead, by WebDriver BiDi.
// CHROOT=build/chroot/sid: the broker is that system's, with the plugin that test/matrix.sh built there.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const top = resolve(import.meta.dirname, "../..");
export const build = resolve(process.env.B ?? join(top, "build"));
export const require = createRequire(resolve(process.env.WEB_HOME ?? join(build, "web"), "package.json"));
export const isFirefox = process.env.BROWSER === "firefox";

// What is waited for in vain fails after so long, no sooner on a machine that is slow: nothing waits longer for what comes.
const START_MS = 180_000; // a broker, its keys and certificates made first; a browser
const STEP_MS = 90_000; // what is on the page

// All that this process and those that it starts make for a while lies here: browsers leave some when they are ended. The
// database's server is another user's, who has to get through.
const temporary = mkdtempSync(join(tmpdir(), "petstore-console-"));
chmodSync(temporary, 0o711);
// Whatever ends us, be it a SIGKILL: those that have the folder in their PETSTORE_CONSOLE_TEST end as well, then it goes.
const keeper = spawn("/bin/sh", [join(import.meta.dirname, "keep.sh"), temporary], { stdio: ["pipe", "ignore", "inherit"], detached: true });
keeper.unref();
keeper.stdin.unref();
process.env.TMPDIR = process.env.PETSTORE_CONSOLE_TEST = temporary;
const { chromium, firefox } = require("playwright-core"); // which asks for the folder when it is loaded

const POLICY = "breach of the policy:"; // before what a page says of one
const breaches = []; // of the page's policy, on any page
const ended = []; // what is undone at the end, last first
let passed = 0;
let failed = 0;
let skipped = 0;

/** Something that this machine lacks, with the reason. */
export function skip(what, why) {
  skipped++;
  console.log(`skipped ${what}: ${why}`);
}

/** Counts. @detail is shown where it fails. */
export function check(what, is, detail) {
  if (is) passed++;
  else failed++;
  if (!is) console.log(`FAIL  ${what}${detail === undefined ? "" : `: ${detail}`}`);
}

/** Counts @work, which throws where something is not so: what a locator waits for in vain, say. */
export async function checkThat(what, work) {
  try {
    await work();
    check(what, true);
  } catch (error) {
    check(what, false, String(error.message ?? error).split("\n").slice(0, 4).join(" "));
  }
}

/** Counts that it comes to be so: @is is asked until it says yes. @detail, or what it returns then, is shown where it never does. */
export async function checkSoon(what, is, detail) {
  for (const end = Date.now() + STEP_MS; ; await sleep(50)) {
    if (await is()) return check(what, true);
    if (Date.now() > end) return check(what, false, typeof detail === "function" ? await detail() : detail);
  }
}

/** Ends what was started and says the numbers; a test that throws fails. */
export async function finish() {
  if (isEnding) return;
  while (ended.length > 0) await Promise.resolve(ended.pop()()).catch((error) => check("the end", false, error.message));
  check("nothing against the page's policy (CSP)", breaches.length === 0, breaches.slice(0, 5).join("; "));
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed ? 1 : 0;
  await kept();
}

/** The keeper's end: the folder is gone then. */
function kept() {
  const over = new Promise((done) => keeper.once("exit", done));
  keeper.ref();
  keeper.stdin.end();
  return over;
}

let isEnding = false; // by a signal: what fails for it is no failure
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, async () => {
  isEnding = true;
  await kept();
  process.kill(process.pid, signal);
});

/** Runs the steps of a file; whatever they throw is a failure, and the broker ends all the same. */
export async function run(steps) {
  try {
    await steps();
  } catch (error) {
    if (isEnding) return;
    for (const [i, page] of opened.entries()) await shot(page, `failed-${i}`).catch(() => {});
    const lines = String(error.stack ?? error).split("\n");
    check("the steps to their end", false, [...lines.slice(0, 4), ...lines.filter((line) => /^ +at .*test.console/.test(line))].join("\n"));
  }
  await finish();
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until it is so. */
export async function until(is, what, ms = STEP_MS) {
  for (const end = Date.now() + ms; ; await sleep(50)) {
    if (await is()) return;
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s in vain: ${typeof what === "function" ? what() : what}`);
  }
}

/** A server that listens on loopback, at every address of the machine if @isAny; null: somebody has the port. */
const listen = (port, isAny) => new Promise((done) => {
  const server = createServer().once("error", () => done(null)).listen(port, isAny ? "0.0.0.0" : "127.0.0.1", () => done(server));
});

/**
 * @count ports that are ours until this process ends, also while no broker has them: they follow one that it listens at. Not in
 * the range that outgoing connections take theirs from, nor in those of the other tests (test/integration, test/postgres.py).
 */
async function ownPorts(count) {
  for (let tries = 0; tries < 1000; tries++) {
    const first = 10_000 + 8 * Math.floor(Math.random() * 600);
    const lock = await listen(first, false);
    if (!lock) continue;
    lock.unref();
    const ports = Array.from({ length: count }, (_, i) => first + 1 + i);
    const servers = await Promise.all(ports.map((port) => listen(port, true)));
    await Promise.all(servers.map((server) => server && new Promise((done) => server.close(done))));
    if (servers.every(Boolean)) return ports;
    lock.close();
  }
  throw new Error("no free ports");
}

const answers = (port) => new Promise((done) => {
  const socket = connect(port, "127.0.0.1", () => { socket.destroy(); done(true); }).once("error", () => done(false));
});

// demo.sh, as the words to spawn, and the plugin for its broker.
const demo = join(top, "scripts/demo.sh");
const [starter, plugin] = process.env.CHROOT
  ? [[join(top, "test/chroot.sh"), "become", process.env.CHROOT, demo], "/src/build/mosquitto_petstore.so"]
  : [[demo], process.env.PLUGIN ?? join(build, "mosquitto_petstore.so")];

/**
 * A broker by scripts/demo.sh in a folder of its own, which serves the page and websockets: at one
 * port on Mosquitto 2.0, at two on 2.1. @conf is more lines of mosquitto.conf, @env more of
 * demo.sh's variables (CONTRACT, ACCESS, OPTIONS), @files what else lies in its folder, secret.
 */
export async function startBroker({ conf = "", env = {}, files = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "petstore-console-"));
  const served = join(folder, "page");
  copyFileSync(process.env.CONSOLE ?? join(build, "console.html"), join(folder, "console.html"));
  const [tls, wss, mtls, plain, http, second] = await ownPorts(6);
  const dir = join(folder, "run");
  mkdirSync(dir);
  writeFileSync(join(dir, "extra.conf"), `${conf}\n`);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 });
  let log = "";
  let child = null;
  const broker = {
    folder: dir, served, ports: { tls, wss, mtls, plain, http },
    page: `http://127.0.0.1:${http}/index.html`,
    ws: "", // known once it has started
    wss: `wss://localhost:${wss}/`,
    log: () => log,
    password(user) {
      const line = readFileSync(join(dir, "credentials"), "utf8").split("\n").find((it) => it.startsWith(`${user} `));
      if (!line) throw new Error(`no account ${user}`);
      return line.slice(user.length + 1);
    },
    async start() {
      child = spawn(starter[0], starter.slice(1), {
        env: { ...process.env, PLUGIN: plugin, RUN_DIR: dir, TLS_PORT: tls, WSS_PORT: wss, MTLS_PORT: mtls, PLAIN_PORT: plain,
          CONSOLE_PORT: http, CONSOLE_WS_PORT: second, CONSOLE_DIR: served, CONSOLE_PAGE: join(folder, "console.html"),
          PASSWORD_ROUNDS: "1000", ...(process.env.CHROOT ? { TMPDIR: `/${temporary.split("/")[1]}` } : {}), ...env }, // test/chroot.sh makes that there
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ours = child;
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (data) => { log = (log + data).slice(-200_000); });
      let isOver = false;
      ours.once("close", () => { isOver = true; }); // all that it said is in the log then
      await until(async () => isOver || (await answers(http)), "the broker", START_MS);
      if (isOver) throw new Error(`the broker did not start: ${log.slice(-600).replaceAll("\n", " | ")}`);
      broker.ws = JSON.parse(readFileSync(join(served, "brokers.json"), "utf8")).brokers[0].url;
      await until(() => answers(new URL(broker.ws).port), "the broker's websockets", START_MS);
    },
    /** With SIGKILL it vanishes; with SIGTERM it says good-bye; SIGHUP reads its files again. */
    async end(signal = "SIGTERM") {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const over = new Promise((done) => child.once("exit", done));
      child.kill(signal);
      await over;
    },
    reload: () => child.kill("SIGHUP"),
  };
  ended.push(() => broker.end());
  await broker.start();
  return broker;
}

const withPostgres = { ...process.env, PYTHONPATH: join(top, "test") };

/** Why there can be no PostgreSQL here; "": there can. */
export const lacksPostgres = () =>
  execFileSync("/usr/bin/python3", ["-c", "import postgres; print(postgres.lacking() or '')"], { env: withPostgres }).toString().trim();

/** A server of PostgreSQL: tell("stop") and tell("start") once it runs; end() ends it for good. */
export async function startPostgres() {
  const script = "import sys, postgres\nwith postgres.Servers() as servers:\n s = servers.start()\n print(s.conninfo(), flush=True)\n"
    + " for line in sys.stdin:\n  s.stop() if line == 'stop\\n' else s.spawn().wait()\n  print('done', flush=True)\n";
  const keeper = spawn("/usr/bin/python3", ["-c", script], { env: withPostgres, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(keeper.stdout)[Symbol.asyncIterator]();
  const tell = async (word) => {
    keeper.stdin.write(`${word}\n`);
    await lines.next();
  };
  const over = new Promise((done) => keeper.once("exit", done));
  const end = () => {
    keeper.stdin.end();
    return over;
  };
  ended.push(end);
  return { conninfo: (await lines.next()).value, tell, end };
}

let browser = null;
const opened = []; // pages, closed ones too

/** A page in a context of its own, which fails the test for errors of scripts and the CSP. */
export async function openPage(url, { width = 1280, height = 900, colorScheme = "light", ...context } = {}) {
  if (!browser) {
    const options = { timeout: START_MS, handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false }; // we end it
    browser = isFirefox
      ? await firefox.launch({ ...options, channel: "moz-firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr" })
      : await chromium.launch({
        ...options,
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      });
    ended.push(() => browser.close());
  }
  const around = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", ...context });
  const page = await around.newPage();
  opened.push(page);
  page.setDefaultTimeout(STEP_MS);
  page.problems = [];
  // Not every breach of the policy is an error on the console, and not in every browser.
  await page.addInitScript((mark) => addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile }) =>
    console.error(`${mark} ${effectiveDirective}, ${blockedURI} ${sourceFile}`)), POLICY);
  // A websocket that could not be opened is the test's doing, or is told on the page. For a
  // screenshot playwright adds a style "body {}", which the policy forbids and Firefox tells.
  const note = (text) => {
    if (!/YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT|WebSocket connection|establish a connection to the server|was interrupted while the page|brokers\.json|404|ERR_CONNECTION/.test(text))
      page.problems.push(text);
    if (text.startsWith(POLICY) && !(isFirefox && process.env.SHOTS)) breaches.push(`${text.slice(POLICY.length)} at ${page.url()}`);
  };
  page.on("pageerror", (error) => note(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") note(message.text());
  });
  if (url) await page.goto(url);
  return page;
}

/**
 * To the page at @hash, drawn when this returns but for what is asked of the broker and what is drawn in pieces: an address takes
 * effect by an event, which comes when the script that set it is over.
 */
export const goTo = (page, hash) => page.evaluate(async (to) => {
  const before = location.href;
  const changed = new Promise((done) => { addEventListener("hashchange", done, { once: true }); });
  location.hash = to;
  if (location.href !== before) await changed; // the page's own listener was there before this one
  const { port1, port2 } = new MessageChannel();
  await new Promise((done) => {
    port1.onmessage = done;
    port2.postMessage(null);
  });
}, hash);

/** Counts that @words are on @page at some time while @act goes on or after it, be it for a moment. */
export async function checkSays(page, what, words, act) {
  await page.evaluate((it) => {
    globalThis.hasSaid = false;
    const look = () => { globalThis.hasSaid ||= document.querySelector("#app").textContent.includes(it); };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, words);
  await act();
  await checkSoon(what, () => page.evaluate(() => globalThis.hasSaid));
}

/** Waits until @locator has the focus: what is typed before goes elsewhere. */
export const hasFocus = (locator) => until(() => locator.evaluate((it) => it.getRootNode().activeElement === it), `the focus on ${locator}`);

/** Into mostDrawn, the most elements that one task of the page adds from now on; into drawings, how many such tasks there were. */
export const countDrawn = (page) => page.addInitScript(observeDrawn);
export const countDrawnNow = (page) => page.evaluate(observeDrawn);

function observeDrawn() {
  globalThis.mostDrawn = globalThis.drawings = 0;
  const sizeOf = (node) => (node.nodeType === 1 ? 1 + node.querySelectorAll("*").length : 0);
  // The page's parser adds what the file has; what is drawn is below #app.
  new MutationObserver((all) => {
    const tops = new Set(all.flatMap(({ addedNodes }) => [...addedNodes]).filter((it) => it.parentElement?.closest("#app")));
    const outer = [...tops].filter((it) => !tops.has(it.parentElement));
    globalThis.drawings++;
    globalThis.mostDrawn = Math.max(globalThis.mostDrawn, outer.reduce((sum, it) => sum + sizeOf(it), 0));
  }).observe(document, { subtree: true, childList: true });
}

/**
 * Publishes with @client at QoS 1; resolves to whether the broker took it. Mosquitto 2.0 closes the connection for some of what it
 * refuses, and the library waits for ever then.
 */
export async function publish(client, [topic, payload], options = {}) {
  if (!client.connected) return false;
  let close = null;
  const closed = new Promise((done) => {
    close = () => done(false);
    client.once("close", close);
  });
  try {
    return await Promise.race([client.publishAsync(topic, payload, { qos: 1, ...options }).then(() => true, () => false), closed]);
  } finally {
    client.off("close", close);
  }
}

/** Fills in the form and waits until it is connected. */
export async function signIn(page, broker, user, { password = broker.password(user), url = broker.ws } = {}) {
  await fillSignIn(page, { url, user, password });
  await page.locator(".account").getByText("connected", { exact: true }).waitFor();
}

export async function fillSignIn(page, { url, user, password, clientId }) {
  await goTo(page, "#/sign-in");
  await page.getByLabel("Broker").fill(url);
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password or token").fill(password);
  if (clientId) {
    await page.locator("form summary").click();
    await page.getByLabel("Client id").fill(clientId);
  }
  await page.locator("form button.primary").click();
}

// What one gives something to, or goes by; each is called something.
const CONTROLS = /^\s*- (button|link|textbox|searchbox|combobox|checkbox|radio|slider|spinbutton|switch|tab|option|treeitem|listbox|tree|dialog)\b(?: "((?:[^"\\]|\\.)*)")?(.*)$/;

/** The text of what is deeper than the line @at of a tree. */
function textWithin(lines, at) {
  const depth = (line) => line.search(/\S/);
  let end = at + 1;
  while (end < lines.length && depth(lines[end]) > depth(lines[at])) end++;
  return lines.slice(at + 1, end).map((line) => /^\s*- \w+(?: "(.*)")?(?:: (.*))?$/.exec(line)?.slice(1).join(" ") ?? "").join(" ");
}

/** What is heard of the page: faults of the tree that a screen reader reads, each with its place. */
async function faultsOfTree(page) {
  const lines = (await page.locator("body").ariaSnapshot()).split("\n");
  const faults = [];
  let [level, before] = [0, "the page's beginning"];
  for (const [i, line] of lines.entries()) {
    const heading = /^\s*- heading (".*")? ?\[level=(\d)\]/.exec(line);
    if (heading && Number(heading[2]) > level + 1) faults.push(`heading ${heading[1]} of level ${heading[2]} behind ${before} of level ${level}`);
    if (heading) [level, before] = [Number(heading[2]), heading[1] ?? "one without words"];
    if (heading && !heading[1]) faults.push(`a heading without words behind ${before}`);
    const control = CONTROLS.exec(line);
    // A name is read out: a picture, an arrow or a cross says nothing. A name of more than 900
    // characters is not in the tree as it is written here: what is within says it.
    if (control && !/[\p{L}\p{N}]/u.test(control[2] ?? textWithin(lines, i))) faults.push(`no name: ${line.trim()}`);
  }
  const others = await page.evaluate(() => {
    const isShown = (it) => it.checkVisibility();
    const where = (it) => `${it.localName}.${String(it.className).replaceAll(" ", ".")} "${it.textContent.trim().slice(0, 40)}"`;
    const isOurs = (it) => it.closest(".answer"); // to what somebody did: it comes once, as a whole
    const tables = [...document.querySelectorAll("table")].filter(isShown);
    const live = [...document.querySelectorAll("[aria-live], [role=status], [role=log], [role=alert], [role=timer], output")].filter(isShown);
    return [
      ...tables.filter((it) => [...it.rows].some((row) => row.cells.length > 0) && !it.querySelector("thead th, th[scope]")).map((it) => `no headers: ${where(it)}`),
      ...tables.flatMap((it) => [...it.querySelectorAll("thead th")]).filter((it) => !it.textContent.trim()).map((it) => `an empty header: ${where(it.closest("table"))}`),
      // What interrupts is an error, and nothing that lists what comes is read out by itself.
      ...live.filter((it) => (it.getAttribute("aria-live") === "assertive" || it.getAttribute("role") === "alert") && !it.matches(".note.bad")).map((it) => `interrupts: ${where(it)}`),
      ...live.filter((it) => it.getAttribute("role") === "log" || it.matches("ul, ol, table, [role=list], [role=listbox]")).map((it) => `reads out a list: ${where(it)}`),
      ...[...document.querySelectorAll("li, tr, [role=option], [role=treeitem]")].filter((it) => isShown(it) && !isOurs(it) && it.closest("[aria-live], [role=status], [role=log]")).slice(0, 3).map((it) => `read out as it comes: ${where(it)}`),
    ];
  });
  return [...faults, ...others];
}

/** Counts what a screen reader is given to say by itself, from now on. */
export async function countSpoken(page) {
  await page.evaluate(() => {
    globalThis.spoken = [];
    const regions = "[aria-live], [role=status], [role=alert], [role=log], output";
    const said = new Map([...document.querySelectorAll(regions)].map((it) => [it, it.textContent])); // the same again is not read
    new MutationObserver((all) => {
      const at = new Set(all.map(({ target }) => (target.nodeType === 1 ? target : target.parentElement)?.closest(regions)).filter(Boolean));
      for (const it of at) {
        if (it.textContent !== (said.get(it) ?? "")) globalThis.spoken.push(it.textContent);
        said.set(it, it.textContent);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => globalThis.spoken);
}

/**
 * axe's rules for WCAG 2 and good practice, and the tree that a screen reader reads: headings in
 * order, tables with headers, controls with names, live regions that are polite.
 */
export async function checkAccessible(page, what) {
  const faults = await faultsOfTree(page);
  check(`${what}: what a screen reader reads`, faults.length === 0, faults.slice(0, 5).join("; "));
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    return violations.map(({ id, nodes }) => `${id} at ${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join(", ")}`);
  });
  check(`${what}: axe`, found.length === 0, found.join("; "));
}

/** Nothing of the page is wider than the screen. */
export async function checkFits(page, what) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(`${what}: as wide as the screen`, inner <= outer, `${inner} of ${outer} px`);
}

export async function shot(page, name) {
  if (!process.env.SHOTS) return;
  if (!existsSync(process.env.SHOTS)) mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}
