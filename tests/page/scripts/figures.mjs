// How fast the page is on a large store: `cargo xtask bench page` runs this and prints what it measured as one line of JSON.
//
// A time runs from the click to the second frame after the last byte of the answer that it waits for, when what the answer
// brought is on the screen; a frame takes up to 17 ms. Each value is filtered by once, so no answer is one that was given before.
import assert from "node:assert/strict";
import { ask, settled, visit } from "./browser.mjs";

const SINCE = "7d";
const FIELDS = ["level", "type", "status", "user", "integration", "workflow", "event_name"];
const LABELS = { level: "Level", type: "Type", status: "Status", user: "User", integration: "Integration", workflow: "Workflow", event_name: "Event name" };
/** Values of each field that are filtered by. */
const VALUES = 6;
const TRACES = 20;
const VIEWS = { syncs: "Managed Sync", tools: "ActionKit", workflows: "Workflows", credentials: "Credentials" };

/** In place of what is clicked: a key is pressed. */
const KEY = "key";

/** In the page: clicks, or presses a key, and waits for the answers whose addresses begin so. */
function clicked([selector, text, waits]) {
  return new Promise((resolve, reject) => {
    const candidates = [...document.querySelectorAll(selector)];
    const isKey = selector === "key";
    const element = isKey ? document : candidates.find((one) => one.title === text || one.textContent.trim().startsWith(text));
    if (!element) return reject(new Error(`nothing to click: ${selector} ${text}`));
    performance.clearResourceTimings();
    const start = performance.now();
    if (isKey) element.dispatchEvent(new KeyboardEvent("keydown", { key: text, bubbles: true, cancelable: true }));
    else element.click();
    const took = {};
    const ended = {};
    const frame = () => {
      for (const path of waits) {
        if (path in took) continue;
        const answers = performance.getEntriesByType("resource").filter(({ name, startTime }) => new URL(name).pathname.startsWith(path) && startTime >= start);
        if (answers.length === 0 || answers.some(({ responseEnd }) => responseEnd === 0)) continue;
        ended[path] = (ended[path] ?? 0) + 1;
        if (ended[path] > 2) took[path] = performance.now() - start;
      }
      if (Object.keys(took).length === waits.length) resolve(took);
      else if (performance.now() - start > 60_000) reject(new Error(`no answer from ${waits} after ${selector} ${text}`));
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

const found = { first_rows: [], rows: [], chart: [], facets: [], trace: [], views: {} };

await visit(`/?since=${SINCE}`, async (page) => {
  await settled(page);
  found.first_rows.push(await page.evaluate(() => performance.now()));
  await page.getByTestId("total").waitFor();
  const facets = await ask(`/v1/facets?since=${SINCE}&values=1000&fields=${FIELDS.join(",")}`);
  for (const field of FIELDS) {
    const values = facets.facets[field].map(({ value }) => value);
    assert.ok(values.length > 0, `no event has a ${field}`);
    // From the most frequent to the rarest that the list shows.
    const wanted = new Set(Array.from({ length: VALUES }, (_, n) => values[Math.floor((n * (values.length - 1)) / (VALUES - 1))]));
    for (const value of wanted) {
      const opened = await page.evaluate(clicked, [".filter-bar button", LABELS[field], ["/v1/facets"]]);
      await page.locator(".facet .value").first().waitFor();
      found.facets.push(opened["/v1/facets"]);
      const filtered = await page.evaluate(clicked, [".facet .value", value, ["/v1/events", "/v1/histogram"]]);
      found.rows.push(filtered["/v1/events"]);
      found.chart.push(filtered["/v1/histogram"]);
      // The values of another field, among what is left.
      await page.keyboard.press("Escape");
      const other = FIELDS[(FIELDS.indexOf(field) + 1) % FIELDS.length];
      const narrowed = await page.evaluate(clicked, [".filter-bar button", LABELS[other], ["/v1/facets"]]);
      found.facets.push(narrowed["/v1/facets"]);
      await page.keyboard.press("Escape");
      await page.goto(`${new URL(page.url()).origin}/?since=${SINCE}`);
      await settled(page);
      await page.getByTestId("total").waitFor();
    }
  }
});

// From a row to its trace and back, as people go.
await visit(`/?since=${SINCE}`, async (page) => {
  await settled(page);
  for (let trace = 0; trace < TRACES; trace += 1) {
    // Rows far from each other, of other files and times.
    for (let row = 0; row <= trace % 4; row += 1) await page.keyboard.press("j");
    const took = await page.evaluate(clicked, [KEY, "t", ["/v1/traces/"]]);
    await page.locator(".steps li").first().waitFor();
    found.trace.push(took["/v1/traces/"]);
    const until = new Date(Date.now() - (trace + 1) * 6 * 3_600_000).toISOString();
    await page.goto(`${new URL(page.url()).origin}/?since=${SINCE}&until=${until}`);
    await settled(page);
  }
});

for (const [path, name] of Object.entries(VIEWS)) {
  await visit(`/${path}?since=${SINCE}`, async (page) => {
    await page.locator(".answer[aria-busy=false]").first().waitFor();
    found.views[name] = await page.evaluate(() => performance.now());
  });
}
console.log(JSON.stringify(found));
