// What every script stands on: a real Chromium on a server's page, and small words for what people do there.
//
// Usage of each script: node NAME.mjs URL FOLDER, where FOLDER takes the screenshots. A script that finds something wrong throws.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const [url, folder] = process.argv.slice(2);
assert.ok(url && folder, "usage: node NAME.mjs URL FOLDER");
mkdirSync(folder, { recursive: true });

/** Waits no longer than this for anything; a busy machine is slow, not broken. */
const TIMEOUT_MS = 30_000;

/** Runs `work` on a page in a fresh profile; anything that the page logs as an error, or asks of another host, is wrong. */
export async function visit(path, work, options = {}) {
  const executablePath = process.env.ANNALS_CHROMIUM_PATH;
  assert.ok(executablePath, "ANNALS_CHROMIUM_PATH names no browser: run cargo xtask test --only page");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: "UTC", ...options });
    context.setDefaultTimeout(TIMEOUT_MS);
    const page = await context.newPage();
    const problems = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !/status of (401|400|404|422)/.test(message.text())) problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol.startsWith("http") && host !== new URL(url).host) problems.push(`asked ${request.url()}`);
    });
    await page.goto(url + path);
    const result = await work(page, context);
    assert.deepEqual(problems, [], "what the page said of itself");
    return result;
  } finally {
    await browser.close();
  }
}

export function shot(page, name) {
  return page.screenshot({ path: join(folder, `${name}.png`) });
}

/** What the server answers. */
export async function ask(path, init) {
  const response = await fetch(url + path, init);
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

export async function send(project, events) {
  const body = events.map((event) => JSON.stringify(event)).join("\n");
  const receipt = await ask(`/v1/events?project=${project}`, { method: "POST", body });
  assert.equal(receipt.accepted, events.length, JSON.stringify(receipt.refusals));
}

/** Rows of the list that are in the document. */
export function rows(page) {
  return page.locator(".log-row[role=row]");
}

/** Waits until the first rows are there, or the page says that there are none. */
export async function settled(page) {
  await page.locator(".log-row .message, .state strong").first().waitFor();
}

/** No finding of axe that is serious or worse, at WCAG 2 AA. */
export async function accessible(page, what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
  assert.deepEqual(told, [], `axe on ${what}`);
}
