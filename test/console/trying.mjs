// What the tests of Try share: the view opened as an account, its editor, a channel picked.
import { goTo, isFirefox, openPage, signIn } from "./harness.mjs";

export const line = (page) => page.locator(".session");
export const answer = (page) => page.locator(".answer");
export const editor = (page) => page.locator(".editor .cm-content");

export async function openTry(broker, user, size = {}) {
  const page = await openPage(broker.page, size);
  await signIn(page, broker, user);
  await goTo(page, "#/try");
  await line(page).getByText("connected", { exact: true }).waitFor();
  await page.locator('select[name="channel"] optgroup').first().waitFor({ state: "attached" }); // the contract has come
  return page;
}

/** Puts @text where the cursor is, at once, as an input method does; playwright types it letter by letter in Firefox. */
export const insert = (page, text) => (isFirefox
  ? page.evaluate((it) => document.execCommand("insertText", false, it), text) : page.keyboard.insertText(text));

/** Puts @text into the editor as somebody who pastes it. */
export async function write(page, text) {
  await editor(page).click();
  await page.keyboard.press("Control+A");
  // Firefox gives an event that a script made no data.
  if (isFirefox) await insert(page, text);
  else await page.evaluate((it) => {
    const at = document.querySelector(".editor").shadowRoot.querySelector(".cm-content");
    const data = new DataTransfer();
    data.setData("text/plain", it);
    at.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
}

export const textOfEditor = (page) => page.evaluate(() =>
  [...document.querySelector(".editor").shadowRoot.querySelectorAll(".cm-line")].map((it) => it.textContent).join("\n"));

export async function pick(page, title) {
  const select = page.locator('select[name="channel"]');
  const value = await select.locator("option", { hasText: title }).first().getAttribute("value");
  await select.selectOption(value);
}
