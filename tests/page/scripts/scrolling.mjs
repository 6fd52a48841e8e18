// A hundred thousand rows scrolled through: few in the document, and little script a frame.
import assert from "node:assert/strict";
import { ask, rows, send, settled, visit } from "./browser.mjs";

const ROWS = Number(process.env.ANNALS_SCROLL_ROWS ?? 100_000);
const BATCH = 5_000;

const known = await ask("/v1/histogram?project=scroll&buckets=1");
const had = known.buckets.reduce((sum, { total }) => sum + total, 0);
for (let sent = had; sent < ROWS; sent += BATCH) {
  await send("scroll", Array.from({ length: BATCH }, (_, n) => ({ type: "scroll", message: `row ${sent + n}`, payload: { n: sent + n } })));
}

await visit("/?project=scroll&since=all", async (page) => {
  await settled(page);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const script = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "ScriptDuration").value * 1_000;
  };
  const list = page.locator(".log-rows");
  let most = 0;
  let frames = 0;
  const before = await script();
  // Down as fast as pages come, until all are there.
  for (;;) {
    const end = await list.evaluate(
      (element) =>
        new Promise((resolve) => {
          let turns = 0;
          const step = () => {
            element.scrollTop += 2_000;
            turns += 1;
            if (turns < 50) requestAnimationFrame(step);
            else resolve(element.textContent.includes("These are all"));
          };
          requestAnimationFrame(step);
        }),
    );
    frames += 50;
    most = Math.max(most, await rows(page).count());
    if (end) break;
  }
  const perFrame = ((await script()) - before) / frames;
  await list.evaluate((element) => element.scrollTo({ top: 0 }));
  await page.locator(".log-row .message", { hasText: `row ${ROWS - 1}` }).first().waitFor();
  const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  console.log(JSON.stringify({ rows: ROWS, frames, script_ms_a_frame: Number(perFrame.toFixed(2)), rows_in_document: most, heap_mb: Math.round(heap / 1e6) }));
  assert.ok(most < 100, `${most} rows in the document`);
  assert.ok(perFrame <= 8, `${perFrame.toFixed(1)} ms of script a frame`);
  assert.ok(heap < 200e6, `${Math.round(heap / 1e6)} MB of heap`);
});
