// The frame: signing in and out, what is said when that fails, and a broker that vanishes.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { check, checkAccessible, checkFits, checkSoon, checkThat, fillSignIn, openPage, run, shot, signIn, startBroker, until } from "./harness.mjs";

await run(async () => {
  const broker = await startBroker();
  const page = await openPage(broker.page);

  const offered = (on) => on.getByLabel("Broker").inputValue();
  await checkThat("the address beside the page is offered", () =>
    until(async () => (await offered(page)) === broker.ws, "the address of brokers.json"));
  await checkAccessible(page, "signing in, light");
  await shot(page, "sign-in");

  await fillSignIn(page, { url: broker.ws, user: "monitor", password: "wrong" });
  await checkThat("a wrong password: one sentence", async () => {
    const said = await page.getByRole("alert").innerText();
    if (!/password is wrong|Wrong user name or password/.test(said)) throw new Error(said);
  });
  check("one alert, not several", (await page.getByRole("alert").count()) === 1);

  const trying = await openPage(`${broker.page}#/try`);
  await trying.getByLabel("User name").fill("monitor");
  await trying.getByLabel("Password or token").fill("wrong");
  await trying.getByLabel("Broker").fill(broker.ws);
  await trying.locator("form button.primary").click();
  await trying.getByRole("alert").first().waitFor();
  check("one alert on the form of Try, too", (await trying.getByRole("alert").count()) === 1);
  await trying.context().close();

  // The page came by http, the broker's certificate is of an authority that no browser knows.
  await fillSignIn(page, { url: broker.wss, user: "monitor", password: broker.password("monitor") });
  await checkThat("an untrusted certificate: what it mostly is, and what to do", async () => {
    await page.getByText("trust the broker's certificate").waitFor();
    await page.getByText("certutil -d").waitFor();
  });
  await shot(page, "untrusted");

  await fillSignIn(page, { url: "ws://127.0.0.1:9/", user: "monitor", password: "x" });
  await checkThat("nobody there: says so", () => page.getByText("No connection to 127.0.0.1:9").waitFor());
  await checkSoon("no talk of certificates where there is none", async () => (await page.getByText("certutil -d").count()) === 0);

  await signIn(page, broker, "monitor");
  await checkThat("signed in: as whom, and the contract is there", async () => {
    await page.locator(".account").getByText("monitor", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "Petstore MQTT API", level: 1 }).waitFor();
  });
  await checkThat("the address is no longer that of the form", () =>
    page.locator('.views [aria-current="page"]').getByText("Read", { exact: true }).waitFor());
  await checkSoon("and no fault is told", async () => (await page.getByRole("alert").count()) === 0);

  await broker.end("SIGKILL");
  await checkThat("a broker that vanishes: it is said", () => page.getByText("Trying again").waitFor());
  check("what is on the page stays", await page.getByRole("heading", { name: "Petstore MQTT API", level: 1 }).isVisible());
  await broker.start();
  await checkThat("it comes back: connected again by itself", () =>
    page.locator(".account").getByText("connected", { exact: true }).waitFor());
  await checkSoon("and the note is gone", async () => (await page.getByText("Trying again").count()) === 0);

  await page.getByRole("button", { name: "Sign out" }).click();
  await checkThat("signed out", () => page.locator(".account").getByText("offline").waitFor());
  check("the password is forgotten", (await page.evaluate(() => JSON.stringify({ ...localStorage })))
    .includes(broker.password("monitor")) === false);

  rmSync(join(broker.served, "brokers.json"));
  const dark = await openPage(broker.page, { colorScheme: "dark", width: 360, height: 740 });
  await checkSoon("without one, the page's own address", async () => (await offered(dark)) === `ws://${new URL(broker.page).host}/`);
  await checkAccessible(dark, "signing in, dark, phone");
  await checkFits(dark, "signing in, phone");
  await shot(dark, "sign-in-phone-dark");

  // Several brokers: each is a press away, though the field offers only what its text is like.
  const several = await openPage();
  await several.route("**/brokers.json", (route) => route.fulfill({ json: { brokers: [{ url: broker.ws, name: "shop" }, { url: "ws://127.0.0.1:1/" }] } }));
  await several.goto(broker.page);
  await several.getByRole("button", { name: "ws://127.0.0.1:1/", exact: true }).click();
  await checkSoon("another broker is a press away", async () => (await offered(several)) === "ws://127.0.0.1:1/", () => offered(several));
  await several.getByRole("button", { name: "shop", exact: true }).click();
  await checkSoon("and so is the first", async () => (await offered(several)) === broker.ws
    && (await several.getByRole("button", { name: "shop" }).getAttribute("aria-pressed")) === "true", () => offered(several));
  await checkAccessible(several, "signing in, several brokers");
  await shot(several, "sign-in-several");

  // A name that is not short leaves the buttons beside it, on one line.
  await signIn(dark, broker, "inventory-service");
  await dark.locator(".account .who").getByText("inventory-service").waitFor();
  const tops = () => dark.locator(".account > *").evaluateAll((all) => all.map((it) => {
    const { top, bottom, right } = it.getBoundingClientRect();
    return { middle: Math.round((top + bottom) / 2), right };
  }));
  await checkSoon("on a phone the account is one line", async () =>
    (await tops()).every(({ middle, right }, _, all) => Math.abs(middle - all[0].middle) < 8 && right <= 360), async () => JSON.stringify(await tops()));
  await shot(dark, "signed-in-phone-dark");
  for (const it of [page, dark, several]) check("no errors of scripts or the policy", it.problems.length === 0, it.problems.join("; "));
});
