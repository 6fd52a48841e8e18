// The live tail at a thousand events a second, while somebody reads.
import assert from "node:assert/strict";
import { rows, send, settled, shot, visit } from "./browser.mjs";

const SECONDS = Number(process.env.ANNALS_TAIL_SECONDS ?? 60);
/** An hour of a thousand a second: 24,000 for 150 seconds. */
const EVENTS_PER_SECOND = Number(process.env.ANNALS_TAIL_RATE ?? 1_000);

await send("tail", [{ type: "tail", message: "before" }]);
await visit("/?project=tail&since=1h", async (page) => {
  await settled(page);
  await page.getByRole("button", { name: "Live" }).click();
  await page.locator(".tail.live").waitFor();
  let sent = 0;
  let busy = Promise.resolve();
  const until = Date.now() + SECONDS * 1_000;
  let held = false;
  while (Date.now() < until) {
    const started = Date.now();
    const batch = Array.from({ length: EVENTS_PER_SECOND / 4 }, () => ({ type: "tail", message: `event ${sent++}` }));
    busy = send("tail", batch);
    await busy;
    if (!held && Date.now() > until - (SECONDS * 1_000) / 2) {
      // Half way, somebody scrolls down to read: rows stand still and are counted.
      held = true;
      await page.locator(".log-rows").evaluate((list) => list.scrollTo({ top: 5_000 }));
      await page.locator(".new-rows").waitFor();
      const reading = await rows(page).nth(15).innerText();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      assert.equal(await rows(page).nth(15).innerText(), reading, "rows moved under the reader");
      await shot(page, "tail-held");
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 250 - (Date.now() - started))));
  }
  await page.locator(".new-rows").click();
  await page.getByText(`event ${sent - 1}`, { exact: true }).waitFor();
  assert.ok((await rows(page).count()) < 100, "only rows in sight are in the document");
  const shown = await rows(page).locator(".message").allInnerTexts();
  assert.deepEqual(shown.slice(0, 10), Array.from({ length: 10 }, (_, back) => `event ${sent - 1 - back}`));
  const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  assert.ok(heap < 200e6, `${Math.round(heap / 1e6)} MB of heap`);
  console.log(JSON.stringify({ sent, seconds: SECONDS, heap_mb: Math.round(heap / 1e6) }));
  await page.getByRole("button", { name: "Live" }).click();
  await page.locator(".tail.off").waitFor();
});
