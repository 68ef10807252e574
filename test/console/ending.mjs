// However a test of the console ends, by a signal too, nothing of it is left: neither its broker, nor
// its browser, nor a file.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { check, checkSoon, openPage, run, signIn, startBroker } from "./harness.mjs";

const isTaken = (port) => new Promise((done) => {
  const socket = connect(port, "127.0.0.1", () => { socket.destroy(); done(true); }).once("error", () => done(false));
});

/** What is ended: a test with a broker and a page, which says the broker's port. */
async function started() {
  const broker = await startBroker();
  await signIn(await openPage(broker.page), broker, "monitor");
  console.log(broker.ports.plain);
  await new Promise((done) => process.stdin.once("end", done).resume());
}

async function ends(how) {
  // Not within ours: a path to a browser's socket has 107 characters at most.
  const folder = mkdtempSync(join("/", tmpdir().split("/")[1], "petstore-ended-"));
  const child = spawn(process.execPath, [import.meta.filename, "started"], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, TMPDIR: folder } });
  const over = new Promise((done) => child.once("exit", (status, signal) => done(signal ?? status)));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { value: port = "" } = await lines.next();
  if (!/^\d+$/.test(port)) throw new Error(`it says "${port}"`);
  const left = () => readdirSync(folder);
  check(`${how}: it has a broker, and a folder`, (await isTaken(port)) && left().length === 1, left());
  if (how === "by itself") child.stdin.end();
  else child.kill(how);
  const by = await over;
  check(`${how}: that is what it says`, by === (how === "by itself" ? 0 : how), by);
  await checkSoon(`${how}: no broker is left`, async () => !(await isTaken(port)));
  await checkSoon(`${how}: nor a file`, () => left().length === 0, left);
  rmSync(folder, { recursive: true, force: true });
}

await run(async () => {
  if (process.argv[2] === "started") return started();
  for (const how of ["by itself", "SIGTERM", "SIGINT", "SIGKILL"]) await ends(how);
});
