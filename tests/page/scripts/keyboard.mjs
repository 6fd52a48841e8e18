// The whole walk without a mouse: search, move, expand, trace, help.
import assert from "node:assert/strict";
import { settled, visit } from "./browser.mjs";

await visit("/?since=7d&type=managed_sync", async (page) => {
  await settled(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.locator(".log-row.at").waitFor();
  assert.equal(await page.locator(".log-row.at").getAttribute("aria-rowindex"), "2");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.locator(".event-panel .event-message").waitFor();
  const first = await page.locator(".event-panel .event-message").innerText();
  for (let step = 0; step < 30; step++) await page.keyboard.press("j");
  await page.waitForFunction(() => document.querySelector(".log-row.at")?.getAttribute("aria-rowindex") === "31");
  assert.ok(first.length > 0);
  await page.keyboard.press("Escape");
  await page.locator(".event-panel").waitFor({ state: "detached" });
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("next and previous row").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  await page.waitForURL(/\/trace\//);
  await page.locator(".steps li").first().waitFor();

  // By Tab alone to a filter, and into its values.
  await page.goBack();
  await settled(page);
  await page.keyboard.press("/");
  for (let step = 0; step < 30; step++) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => document.activeElement?.textContent ?? "");
    if (name.startsWith("Level")) break;
  }
  await page.keyboard.press("Enter");
  await page.locator(".popover-body .facet .value").first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => new URLSearchParams(location.search).has("level"));
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".popover-body").count(), 0);
});
