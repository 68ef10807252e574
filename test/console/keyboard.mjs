// From the form to a subscription by keys alone: signing in, a topic in Read, Try, a payload that is
// refused, its fault, its mend. At each stop one sees where one is.
import { check, checkThat, hasFocus, isFirefox, openPage, run, shot, startBroker, until } from "./harness.mjs";
import { answer, textOfEditor } from "./trying.mjs";

const TABS_MAX = 60;

/** The element that has the focus, in shadow roots as well: what it is called, and whether one sees it. */
const focused = (page) => page.evaluate(() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  if (!at || at === document.body) return null;
  const outer = at.getRootNode() instanceof ShadowRoot ? at.getRootNode().host : at;
  const place = outer.getBoundingClientRect();
  const look = getComputedStyle(outer);
  const label = at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent ?? "";
  const covered = document.querySelector(".top")?.getBoundingClientRect().bottom ?? 0;
  return {
    name: `${at.tagName.toLowerCase()} ${label.trim().replace(/\s+/g, " ").slice(0, 60)}`,
    isShown: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
    isInSight: place.width > 0 && place.bottom > (outer.closest(".top, .skip") ? 0 : covered) && place.top < innerHeight,
  };
});

/** Presses Tab until what is focused is called so; each stop is looked at. */
async function tabTo(page, name, most, key = "Tab") {
  const stops = [];
  const unseen = [];
  for (let i = 0; i < TABS_MAX; i++) {
    await page.keyboard.press(key);
    const at = await focused(page);
    stops.push(at?.name ?? "nothing");
    if (at && !(at.isShown && at.isInSight)) unseen.push(at.name);
    if (at && name.test(at.name)) {
      check(`to ${name}: each stop is seen`, unseen.length === 0, unseen.join(" | "));
      check(`to ${name}: at most ${most} stops`, i < most, stops.join(" | "));
      return;
    }
  }
  throw new Error(`no way to ${name}: ${stops.join(" | ")}`);
}

await run(async () => {
  const broker = await startBroker();
  const page = await openPage(broker.page);
  await page.locator(".account").getByText("Sign in").waitFor();
  await tabTo(page, /^a Skip to the content/, 1);
  await tabTo(page, /^a Sign in/, 6);
  await page.keyboard.press("Enter");
  await page.locator("#sign-in-title").waitFor();
  await tabTo(page, /^input User name/, 3);
  await page.keyboard.type("orders-service");
  await tabTo(page, /^input Password/, 1);
  await page.keyboard.type(broker.password("orders-service"));
  await page.keyboard.press("Enter");
  await page.locator(".account").getByText("connected", { exact: true }).waitFor();
  await page.getByRole("heading", { name: "Petstore MQTT API", level: 1 }).waitFor();

  await page.keyboard.press("/");
  await hasFocus(page.getByRole("combobox"));
  await page.keyboard.type("order status updates");
  await page.getByRole("option").first().getByText("Order status updates").waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Order status updates", level: 1 }).waitFor();
  await until(() => page.evaluate(() => document.activeElement.closest("article") !== null), "the focus on the page that was found");
  await tabTo(page, /^a Try it/, 6);
  await shot(page, "keys-read");
  await page.keyboard.press("Enter");
  await page.locator(".session").getByText("connected", { exact: true }).waitFor();

  await tabTo(page, /^div Payload/, 20);
  await page.keyboard.press("Control+A");
  await page.keyboard.type('{"odrerId": "keys-1", "status": "PLACED", "userId": "customer-a", "updatedAt": "2026-11-30T10:00:00Z"}');
  await checkThat("what was typed, with nothing that was put in beside it", () => until(async () => {
    try {
      return JSON.parse(await textOfEditor(page)).updatedAt === "2026-11-30T10:00:00Z";
    } catch {
      return false;
    }
  }, "it"));
  await page.keyboard.press("Escape"); // of what is offered
  await page.keyboard.press("Control+Enter");
  await checkThat("refused", () => answer(page).getByText("Refused").waitFor());
  check("the focus stays where one writes", /^div Payload/.test((await focused(page))?.name ?? ""), (await focused(page))?.name);
  await page.locator(".answer").getByRole("button", { name: "odrerId is not allowed" }).or(page.locator(".payload").getByRole("button", { name: "odrerId is not allowed" })).first().waitFor();
  await tabTo(page, /^button odrerId is not allowed/, 2);
  await shot(page, "keys-fault");
  await page.keyboard.press("Enter");
  await checkThat("Enter leads to the place in the editor", () => until(async () => /^div Payload/.test((await focused(page))?.name ?? ""), "the editor"));
  await page.keyboard.press("Alt+Enter");
  await checkThat("and a key puts it right", () => until(async () => (await textOfEditor(page)).startsWith('{"orderId"'), "orderId"));

  await tabTo(page, /^input orderId/, 12, "Shift+Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("keys-2");
  await checkThat("topic and payload are the same", () => until(async () => (await textOfEditor(page)).includes('"keys-2"'), "the id"));
  await page.keyboard.press("Control+Enter");
  await checkThat("accepted, from another field", () => answer(page).getByText("Accepted").waitFor());
  await tabTo(page, /^input Topic filter/, 30);
  await page.keyboard.type("orders/+/status");
  await page.keyboard.press("Enter");
  await checkThat("subscribed", () => page.locator(".chips").getByText(/QoS \d/).waitFor());
  await shot(page, "keys-subscribed");
  if (!isFirefox) check("no errors of scripts or the policy", page.problems.length === 0, page.problems.join("; "));
});
