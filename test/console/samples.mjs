// The programs that Read offers run as they stand: each publishes to a real broker, over TLS, what its twin
// subscribes to; and says so where the broker refuses. What runs is copied from the page, with the address and
// the authority that the page of a broker with ports of its own has, for the account that is signed in.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, check, checkSoon, checkThat, goTo, openPage, run, signIn, skip, startBroker, top, until } from "./harness.mjs";

const home = resolve(process.env.WEB_HOME ?? join(build, "web"));

// paho 2: the system's, or that of a newer Debian in a folder; null: there is none.
function paho() {
  for (const path of ["", ...["trixie", "sid"].map((name) => join(process.env.CHROOTS ?? join(build, "chroot"), name, "usr/lib/python3/dist-packages"))]) {
    const { status } = spawnSync("/usr/bin/python3", ["-c", "import paho.mqtt.client as m; m.CallbackAPIVersion.VERSION2"],
      { env: { ...process.env, PYTHONPATH: path } });
    if (status === 0) return path;
  }
  return null;
}

const programs = {
  mosquitto: { tab: { send: "mosquitto_pub", receive: "mosquitto_sub" }, file: "sample.sh", start: (file) => ["/bin/sh", file] },
  python: { tab: "Python", file: "sample.py", start: (file) => ["/usr/bin/python3", file] },
  javascript: { tab: "JavaScript", file: "sample.mjs", start: (file) => [process.execPath, file] },
  c: {
    tab: "C", file: "sample.c",
    start(file) {
      execFileSync("cc", ["-Wall", file, "-o", file.replace(/\.c$/, ""), "-lmosquitto"]);
      return [file.replace(/\.c$/, "")];
    },
  },
};

/** A tab for each account that a program is for. */
async function openTabs(broker) {
  const tabs = {};
  for (const user of ["backoffice", "orders-service", "monitor"]) {
    tabs[user] = await openPage(broker.page);
    await signIn(tabs[user], broker, user);
    await goTo(tabs[user], "#/read/channel/orderStatus");
    // The address is the broker's once brokers.json was asked for.
    await tabs[user].locator(".samples pre", { hasText: `${broker.ports.tls}` }).waitFor();
  }
  return tabs;
}

async function codeOf(tabs, language, action, user) {
  const tab = tabs[user];
  await tab.getByRole("button", { name: action === "send" ? "Publish" : "Subscribe", exact: true }).click();
  const name = language.tab[action] ?? language.tab;
  await tab.getByRole("navigation", { name: "Language" }).getByRole("button", { name, exact: true }).click();
  return tab.locator(".samples pre").textContent();
}

function begin(program, folder, code, broker, user, python) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, program.file);
  writeFileSync(file, code);
  const [command, ...args] = program.start(file);
  const child = spawn(command, args, {
    cwd: folder, env: { ...process.env, MQTT_PASSWORD: broker.password(user), PYTHONPATH: python ?? "" }, stdio: ["ignore", "pipe", "pipe"], detached: true,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { said += data; });
  const over = new Promise((done) => child.once("close", (status) => done(status)));
  return { said: () => said, over, end: () => { try { process.kill(-child.pid); } catch { /* it is over */ } } };
}

async function pair(tabs, broker, name, python, topic) {
  const program = programs[name];
  const folder = (kind) => {
    const path = join(broker.folder, `${name}-${kind}`);
    mkdirSync(path);
    writeFileSync(join(path, "ca.crt"), broker.authority);
    symlinkSync(join(home, "node_modules"), join(path, "node_modules"));
    return path;
  };
  // Both of one account: neither ends the other.
  const subscriber = begin(program, folder("sub"), await codeOf(tabs, program, "receive", "orders-service"), broker, "orders-service", python);
  try {
    // mosquitto_sub says nothing of its subscription: the broker's log does.
    await until(() => /subscribed/.test(subscriber.said()) || (name === "mosquitto" && /orders-service\/sample-sub 1 orders/.test(broker.log())), () => `${name} subscribes: ${subscriber.said()}`);
    const sent = begin(program, folder("pub"), await codeOf(tabs, program, "send", "orders-service"), broker, "orders-service", python);
    const status = await sent.over;
    check(`${name}: publishes`, status === 0 && (name === "mosquitto" ? sent.said() === "" : /accepted|sent/.test(sent.said())), `${status} ${sent.said()}`);
    await until(() => subscriber.said().includes(topic), () => `${name} receives: ${subscriber.said()}`);
    await checkSoon(`${name}: subscribes and receives`, () => subscriber.said().includes('"PLACED"'), () => subscriber.said());
  } finally {
    subscriber.end();
    await subscriber.over;
  }
  const refused = begin(program, folder("no"), await codeOf(tabs, program, "send", "monitor"), broker, "monitor", python);
  await refused.over;
  check(`${name}: a refusal is told`, /refused|Not authorized/i.test(refused.said()), refused.said());
}

async function compiled(tabs, broker) {
  for (const action of ["send", "receive"]) {
    const file = join(broker.folder, `esp32-${action}.cpp`);
    // As the Arduino IDE does: its header comes first, and what uses a sketch's functions last.
    writeFileSync(file, `#include <Arduino.h>\n${await codeOf(tabs, { tab: "ESP32" }, action, "orders-service")}`);
    const { status, stderr } = spawnSync("g++", ["-std=gnu++17", "-Wall", "-Werror", "-fsyntax-only", `-I${join(top, "test/console/esp32")}`,
      `-I${join(top, "test/clients/esp32")}`, file], { encoding: "utf8" });
    check(`ESP32, ${action}: compiles`, status === 0, stderr);
  }
}

/** What the page says of the address is the running broker's, and the authority that it links to as well. */
async function addresses(broker, tab) {
  const words = () => tab.locator(".samples").innerText();
  await checkSoon("the address of the broker that one is signed in to", async () =>
    (await words()).includes(`localhost:${broker.ports.tls}`) && /address is that of the broker/.test(await words()), async () => (await words()).slice(-400));
  await tab.locator(".samples a[download]").waitFor();
  broker.authority = await tab.evaluate(async () => (await fetch(document.querySelector(".samples a[download]").href)).text());
  check("the authority is there to be saved", broker.authority.startsWith("-----BEGIN CERTIFICATE"), broker.authority.slice(0, 40));
  await goTo(tab, "#/read/servers");
  await checkThat("which stands among the addresses, too", () => tab.getByText(`mqtts://localhost:${broker.ports.tls}`, { exact: true }).waitFor());
  await goTo(tab, "#/read/channel/orderStatus");
  await tab.locator(".samples pre").waitFor();
}

/** Without a broker, or with what is no address, it is the contract's, and the page says so. */
async function others(broker) {
  const file = await openPage(`${pathToFileURL(join(build, "docs/index.html")).href}#/read/channel/orderStatus`);
  await checkThat("without a broker: the contract's address", () => file.getByText("The address is the contract's.").waitFor());
  await checkSoon("with its port", async () => (await file.locator(".samples pre").textContent()).includes("-h localhost -p 8883"));
  await file.context().close();
  const tab = await openPage();
  await tab.route("**/brokers.json", (route) => route.fulfill({ json: { brokers: [{ url: broker.ws, mqtt: "javascript:alert(1)", ca: "//elsewhere/ca.crt" }] } }));
  await tab.goto(broker.page);
  await signIn(tab, broker, "backoffice");
  await goTo(tab, "#/read/channel/orderStatus");
  await checkThat("what is no address is not taken", () => tab.getByText("signed in to may have another one").waitFor());
  await checkSoon("nor what is no file beside the page", async () => (await tab.locator(".samples a[download]").count()) === 0);
  await tab.context().close();
}

await run(async () => {
  const broker = await startBroker({ conf: "log_type all" });
  const tabs = await openTabs(broker);
  const tab = tabs.backoffice;
  await addresses(broker, tab);
  const topic = `orders/${JSON.parse(await tab.locator("aside .example pre").first().textContent()).orderId}/status`;
  const python = paho();
  for (const name of Object.keys(programs)) {
    if (name === "python" && python === null) skip("the Python samples", "no paho-mqtt 2 (Debian 13: python3-paho-mqtt)");
    else await pair(tabs, broker, name, python, topic);
  }
  await compiled(tabs, broker);
  await others(broker);
  check("no errors of scripts or the policy", tab.problems.length === 0, tab.problems.join("; "));
});
