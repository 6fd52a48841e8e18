// An event expanded: its error first, tree and JSON, values to filter by, and payloads that are no friends.
import assert from "node:assert/strict";
import { ask, rows, send, settled, shot, url, visit } from "./browser.mjs";

const SCRIPT = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>";
const RIGHT_TO_LEFT = "\u202eabc \u0634\u0643\u0631\u0627";
/** As deep as the server takes, members of the event itself included, and far deeper. */
const LEVELS = 60;
const deep = (levels) => Array.from({ length: levels }, (_, level) => `{"level${level}":`).join("") + '"bottom"' + "}".repeat(levels);
const members = (object) => Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`member${object}_${n}`, n]));
const hostile = [
  { type: "hostile", message: SCRIPT, payload: { html: SCRIPT, [SCRIPT]: 1 }, endUserId: SCRIPT, level: "ERROR", error: { message: SCRIPT } },
  { type: "hostile", message: RIGHT_TO_LEFT, payload: { text: RIGHT_TO_LEFT } },
  { type: "hostile", message: "large", payload: { text: "x".repeat(1_000_000) } },
  { type: "hostile", message: "wide", payload: Array.from({ length: 20 }, (_, object) => members(object)) },
  { type: "hostile", message: "deep", payload: JSON.parse(deep(LEVELS)) },
];
await send("hostile", hostile);

await visit("/?project=hostile&since=1h&type=hostile", async (page) => {
  await settled(page);
  assert.equal(await rows(page).count(), hostile.length);
  for (let row = 0; row < hostile.length; row++) {
    const started = Date.now();
    await rows(page).nth(row).click();
    await page.locator(".event-panel .event-message").waitFor();
    await page.waitForFunction((row) => document.querySelectorAll(".log-row")[row]?.classList.contains("open"), row);
    assert.ok(Date.now() - started < 3_000, `row ${row} took ${Date.now() - started} ms to expand`);
    assert.ok((await page.locator("*").count()) < 5_000, "what is folded is not in the document");
    await page.getByRole("button", { name: "JSON", exact: true }).click();
    await page.locator(".raw").waitFor();
    await page.getByRole("button", { name: "Tree", exact: true }).click();
  }
  assert.equal(await page.evaluate(() => window.broken), undefined, "text became markup");
  await shot(page, "hostile");
  // All levels of the deep one, one after the other, by the keyboard alone.
  await page.locator(".log-row", { hasText: "deep" }).click();
  for (let level = 0; level < LEVELS; level++) {
    const folded = page.locator('.event-panel .fold[aria-expanded="false"]:not([disabled])').first();
    if ((await folded.count()) === 0) break;
    await folded.focus();
    await page.keyboard.press("Enter");
  }
  await page.locator(".event-panel").getByText("bottom").waitFor();
});

// Five hundred levels are refused, and the page shows what was refused and why.
const refused = `{"type":"hostile","message":"too deep","payload":${deep(500)}}`;
assert.equal((await fetch(`${url}/v1/events?project=hostile`, { method: "POST", body: refused })).status, 422);
await visit("/store", async (page) => {
  await page.getByText(/nested deeper than the limit/).first().waitFor();
  await shot(page, "refused");
});

// The error stands above the fields, and a value filters.
const failed = (await ask("/v1/events?since=7d&level=ERROR&type=managed_sync&limit=1")).events[0];
await visit(`/?since=7d&event=${encodeURIComponent(failed.id)}`, async (page) => {
  const panel = page.locator(".event-panel");
  await panel.locator(".event-error").waitFor();
  const headings = await panel.locator("h2").allInnerTexts();
  assert.equal(headings[0], "Error");
  await shot(page, "expanded");
  const user = panel.locator(".leaf", { hasText: failed.endUserId }).first();
  await user.hover();
  await user.getByRole("button", { name: "only" }).click();
  await page.waitForFunction((user) => new URLSearchParams(location.search).get("user") === user, failed.endUserId);
  await page.goto(`${url}/?since=7d&event=${encodeURIComponent(failed.id)}`);
  const type = panel.locator(".leaf", { hasText: "type" }).first();
  await type.hover();
  await type.getByRole("button", { name: "not" }).click();
  await page.waitForFunction(() => new URLSearchParams(location.search).get("not") === "type:managed_sync");
});
