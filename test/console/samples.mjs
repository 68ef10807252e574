// The programs that Read offers run as they stand: each publishes to a real broker, over TLS, what its twin
// subscribes to; and says so where the broker refuses. What runs is copied from the page.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, check, openPage, run, skip, startBroker, top, until } from "./harness.mjs";

const home = resolve(process.env.WEB_HOME ?? join(build, "web"));
const page = pathToFileURL(join(build, "docs/index.html")).href;

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

async function fillIn(tab, broker) {
  await tab.locator(".sample-fields summary").click();
  await tab.getByLabel("Port").fill(String(broker.ports.tls));
}

async function codeOf(tab, language, action, user) {
  await tab.getByRole("button", { name: action === "send" ? "Publish" : "Subscribe", exact: true }).click();
  const name = language.tab[action] ?? language.tab;
  await tab.getByRole("navigation", { name: "Language" }).getByRole("button", { name, exact: true }).click();
  await tab.getByLabel("User name").fill(user);
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

async function pair(tab, broker, name, python, topic) {
  const program = programs[name];
  const folder = (kind) => {
    const path = join(broker.folder, `${name}-${kind}`);
    mkdirSync(path);
    symlinkSync(join(broker.folder, "ca.crt"), join(path, "ca.crt"));
    symlinkSync(join(home, "node_modules"), join(path, "node_modules"));
    return path;
  };
  const subscriber = begin(program, folder("sub"), await codeOf(tab, program, "receive", "backoffice"), broker, "backoffice", python);
  try {
    // mosquitto_sub says nothing of its subscription: the broker's log does.
    await until(() => /subscribed/.test(subscriber.said()) || (name === "mosquitto" && /backoffice\/sample 1 orders/.test(broker.log())), () => `${name} subscribes: ${subscriber.said()}`);
    const sent = begin(program, folder("pub"), await codeOf(tab, program, "send", "orders-service"), broker, "orders-service", python);
    const status = await sent.over;
    check(`${name}: publishes`, status === 0 && (name === "mosquitto" ? sent.said() === "" : /accepted|sent/.test(sent.said())), `${status} ${sent.said()}`);
    await until(() => subscriber.said().includes(topic), () => `${name} receives: ${subscriber.said()}`);
    check(`${name}: subscribes and receives`, subscriber.said().includes('"PLACED"'), subscriber.said());
  } finally {
    subscriber.end();
    await subscriber.over;
  }
  const refused = begin(program, folder("no"), await codeOf(tab, program, "send", "monitor"), broker, "monitor", python);
  await refused.over;
  check(`${name}: a refusal is told`, /refused|Not authorized/i.test(refused.said()), refused.said());
}

async function compiled(tab, broker) {
  for (const action of ["send", "receive"]) {
    const file = join(broker.folder, `esp32-${action}.cpp`);
    // As the Arduino IDE does: its header comes first, and what uses a sketch's functions last.
    writeFileSync(file, `#include <Arduino.h>\n${await codeOf(tab, { tab: "ESP32" }, action, "orders-service")}`);
    const { status, stderr } = spawnSync("g++", ["-std=gnu++17", "-Wall", "-Werror", "-fsyntax-only", `-I${join(top, "test/console/esp32")}`,
      `-I${join(top, "test/clients/esp32")}`, file], { encoding: "utf8" });
    check(`ESP32, ${action}: compiles`, status === 0, stderr);
  }
}

await run(async () => {
  const broker = await startBroker({ conf: "log_type all" });
  const tab = await openPage(page);
  await tab.evaluate(() => { location.hash = "#/read/channel/orderStatus"; });
  await fillIn(tab, broker);
  const topic = `orders/${JSON.parse(await tab.locator("aside .example pre").first().textContent()).orderId}/status`;
  const python = paho();
  for (const name of Object.keys(programs)) {
    if (name === "python" && python === null) skip("the Python samples", "no paho-mqtt 2 (Debian 13: python3-paho-mqtt)");
    else await pair(tab, broker, name, python, topic);
  }
  await compiled(tab, broker);
  check("no errors of scripts or the policy", tab.problems.length === 0, tab.problems.join("; "));
});
