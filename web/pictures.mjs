// Takes the README's pictures of the console, at a real broker: `make console-pictures`.
//
//     node web/pictures.mjs FOLDER          console-read.png, console-try.png, console-watch.png
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { openPage, run, signIn, startBroker } from "../test/console/harness.mjs";

const [folder] = process.argv.slice(2);
const open = (tab, place) => tab.evaluate((to) => { location.hash = to; }, place);
const take = (tab, name) => tab.screenshot({ path: join(folder, `console-${name}.png`) });

await run(async () => {
  const broker = await startBroker();
  const publish = (status) => execFileSync("mosquitto_pub", ["-h", "127.0.0.1", "-p", broker.ports.plain, "-V", "5", "-q", "1",
    "-u", "orders-service", "-P", broker.password("orders-service"), "-i", "orders-service", "-t", "orders/ord-1001/status",
    "-m", JSON.stringify({ orderId: "ord-1001", status, userId: "customer-a", updatedAt: new Date().toISOString() })]);
  const tab = await openPage(broker.page, { width: 1280, height: 820 });
  await signIn(tab, broker, "backoffice");
  await open(tab, "#/read/channel/orderStatus");
  await tab.locator("h1", { hasText: "Order status updates" }).waitFor();
  await take(tab, "read");

  for (const status of ["PLACED", "APPROVED"]) publish(status);
  await open(tab, "#/try");
  await tab.getByRole("button", { name: "orders/+/status", exact: true }).click();
  const select = tab.locator('select[name="channel"]');
  await select.selectOption(await select.locator("option", { hasText: "Order status" }).first().getAttribute("value"));
  await tab.getByLabel("orderId", { exact: true }).fill("ord-1001");
  await tab.locator(".editor .cm-content").click();
  await tab.keyboard.press("Control+a");
  await tab.keyboard.insertText(JSON.stringify({ orderId: "ord-1001", status: "DELIVERED", updatedAt: new Date().toISOString() }, null, 2));
  await tab.setViewportSize({ width: 1280, height: 1080 });
  await tab.getByRole("button", { name: /^Send/ }).first().click();
  await tab.locator(".answer").getByText("transition-illegal").first().waitFor();
  await tab.evaluate(() => scrollTo(0, 0));
  await take(tab, "try");

  publish("SHIPPED");
  await tab.setViewportSize({ width: 1280, height: 820 });

  await open(tab, "#/watch/entities/order/ord-1001");
  await tab.locator("svg.diagram, .diagram svg").first().waitFor();
  await take(tab, "watch");
});
