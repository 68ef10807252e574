// Read, signed in: the contract as the broker has it in force, cut to what each account may.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, checkAccessible, checkSoon, checkThat, goTo, openPage, run, shot, signIn, startBroker, top, until } from "./harness.mjs";

const open = (tab, place) => goTo(tab, `#/read/${place}`);
const words = (tab) => tab.locator("article").innerText();

await run(async () => {
  const access = JSON.parse(readFileSync(join(top, "docker/access.json"), "utf8"));
  access.users["customer-b"].roles = [];
  const folder = mkdtempSync(join(tmpdir(), "petstore-access-"));
  writeFileSync(join(folder, "access.json"), JSON.stringify(access));
  const broker = await startBroker({ env: { ACCESS: join(folder, "access.json") } });
  rmSync(folder, { recursive: true, force: true });
  const tab = await openPage(broker.page);
  await signIn(tab, broker, "customer-a");
  await open(tab, "");
  await tab.getByRole("heading", { name: "Your account" }).waitFor();
  await checkSoon("who one is", async () => /Signed in as\s+customer-a, by password/.test(await words(tab)), async () => (await words(tab)).slice(0, 400));
  await checkSoon("what one may, and of one's own", async () => (await words(tab)).includes("orders/{orderId}/status") && /subscribe own/.test(await words(tab)));
  check("what one may not is not there", !(await words(tab)).includes("alerts/{kind}"));
  await checkAccessible(tab, "signed in");
  await shot(tab, "read-signed-in");
  await open(tab, "channel/orderStatus");
  await checkThat("of a topic: what this account may", () => tab.getByText("you may, your own only").first().waitFor());
  await checkSoon("programs have its name, not its password", async () => /-u customer-a /.test(await tab.locator(".samples pre").textContent())
    && !(await tab.locator(".samples pre").textContent()).includes(broker.password("customer-a")));
  await shot(tab, "read-signed-in-channel");
  await open(tab, "servers");
  await checkSoon("the address that one came by", async () => (await words(tab)).includes(broker.ws));
  await open(tab, "scopes");
  await checkSoon("scopes that one has are marked", async () => /read:orders[\s\S]{0,40}you have it, for your own/.test(await words(tab)));

  await tab.getByRole("button", { name: "Sign out" }).click();
  await signIn(tab, broker, "orders-service");
  await open(tab, "channel/orderStatus");
  await checkThat("another account, other rights", () => tab.locator(".who-may").first().getByText("you may", { exact: true }).waitFor());

  await tab.getByRole("button", { name: "Sign out" }).click();
  await signIn(tab, broker, "customer-b");
  await open(tab, "");
  // Its own notices are for everybody.
  await checkThat("an account without a scope: says so", () => tab.getByText("none: this account has no rights that need one").waitFor());
  await checkSoon("and shows the notices alone", async () => (await tab.locator(".topic-list li").count()) === 1 && (await words(tab)).includes("refusals/{principal}/{clientId}"));
  await shot(tab, "read-no-scope");
  // The account is given a role while it is signed in: the page looks again, at the latest when one comes back to it.
  access.users["customer-b"].roles = ["customer"];
  writeFileSync(join(broker.folder, "access.json"), JSON.stringify(access));
  broker.reload();
  await until(() => /reloaded|loaded contract[\s\S]*loaded contract/.test(broker.log()), "the reload");
  await checkThat("rights that were given meanwhile", () => until(async () => {
    await tab.evaluate(() => dispatchEvent(new Event("focus")));
    return (await tab.getByText("orders/{orderId}/status").count()) > 0;
  }, "the topic"));
  check("no errors", tab.problems.length === 0, tab.problems.join("; "));
});
