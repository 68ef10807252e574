// Two brokers that share a database, as the console shows it at one of them: a step of an order that
// the other broker's came before is marked in its history, with what that means.
import { check, checkAccessible, checkSoon, checkThat, goTo, lacksPostgres, openPage, publish, require, run, shot, signIn, skip, startBroker, startPostgres, until } from "./harness.mjs";

const mqtt = require("mqtt");

const ORDERS = 2; // told two ends while the database is away, so that both are accepted
const CARRIED_MS = 180_000; // until both brokers know, on a busy machine

const connect = (broker) => mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.plain}`, {
  protocolVersion: 5, username: "orders-service", password: broker.password("orders-service"), clientId: "orders-service/c", reconnectPeriod: 0,
});
const order = (id, status, more = {}) => [`orders/${id}/status`, JSON.stringify({ orderId: id, status, updatedAt: new Date().toISOString(), ...more })];
const tell = (client, message) => publish(client, message, { retain: true });

/** Orders that are SHIPPED, which both brokers have in memory: the other was told the last step once more. */
async function shipped(here, there) {
  const ids = Array.from({ length: ORDERS }, (_, i) => `both-${i}`);
  const known = new Set();
  there.on("message", (topic, payload) => { if (String(payload).includes("SHIPPED")) known.add(topic); });
  await there.subscribeAsync("orders/+/status", { qos: 1 });
  for (const id of ids) {
    const steps = [order(id, "PLACED", { userId: "customer-a" }), order(id, "APPROVED"), order(id, "SHIPPED")];
    for (const step of steps) check(`${step} is taken`, await tell(here, step));
    await until(() => known.has(`orders/${id}/status`), "the order at the other broker", CARRIED_MS);
    check(`the same once more at the other broker: ${id}`, await tell(there, steps[2]));
  }
  return ids;
}

async function overruled(page, ids) {
  const events = page.getByRole("list", { name: "Events" }).locator("li.event");
  await goTo(page, `#/watch/entities/order/${ids[0]}`);
  await until(async () => {
    await page.getByRole("button", { name: "Load anew" }).click(); // which can't be pressed while it loads
    await page.getByRole("button", { name: "Load anew" }).and(page.locator(":enabled")).waitFor();
    return (await events.count()) === 5;
  }, "both ends of the order", CARRIED_MS);
  const event = page.locator("li.event.overruled");
  await event.waitFor();
  const now = await page.locator(".entity-row .badge").innerText();
  const wrong = ["DELIVERED", "CANCELLED"].find((it) => it !== now);
  const said = await event.innerText();
  check("the event that was overruled is marked", said.includes("overruled by another broker's step") && said.includes(wrong), said);
  check("and what that means", said.includes("A broker accepted it, but a step that another broker had accepted") && said.includes(`moved nothing: status is ${now}.`), said);
  await checkSoon("what counts is not marked", async () => (await page.locator("li.event:not(.overruled)").count()) === 4);
  const stop = page.locator("li.stop.overruled");
  check("it is no step of the order's way", (await stop.innerText()).includes(wrong) && (await page.locator("li.stop:not(.overruled)").count()) === 4);
  check("nor of its diagram", (await page.locator(".diagram .went").count()) === 4, await page.locator(".diagram .went").count());
  await checkThat("by words, not by colour and a line alone", () => stop.getByText("overruled", { exact: true }).waitFor());
  await checkAccessible(page, "an overruled event");
  await page.locator(".entity-events").scrollIntoViewIfNeeded();
  await shot(page, "cluster-overruled");
}

await run(async () => {
  const lacks = lacksPostgres();
  if (lacks) return skip("two brokers with one database", lacks);
  const postgres = await startPostgres();
  const brokers = [];
  for (const name of ["one", "two"])
    brokers.push(await startBroker({ env: { OPTIONS: `plugin_opt_sys_interval 1\nplugin_opt_broker ${name}\nplugin_opt_journal petstore.journal\nplugin_opt_database ${postgres.conninfo}` } }));
  const [here, there] = await Promise.all(brokers.map(connect));
  const ids = await shipped(here, there);
  await postgres.tell("stop");
  for (const id of ids) {
    check(`${id} is DELIVERED at one broker`, await tell(here, order(id, "DELIVERED")));
    check(`${id} is CANCELLED at the other`, await tell(there, order(id, "CANCELLED")));
  }
  await postgres.tell("start");
  const page = await openPage(brokers[0].page, { width: 1280, height: 1000 });
  await signIn(page, brokers[0], "backoffice");
  await overruled(page, ids);
  check("no errors of scripts or the policy", page.problems.length === 0, page.problems.join("; "));
  for (const client of [here, there]) await client.endAsync(true);
});
