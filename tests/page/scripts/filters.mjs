// Each filter, the search, the chart's brush, and the address that shares them all.
import assert from "node:assert/strict";
import { accessible, ask, rows, settled, shot, url, visit } from "./browser.mjs";

const FIELDS = ["Level", "Type", "Status", "User", "Integration", "Workflow", "Event name", "Trace"];
const PARAMS = { "Event name": "event_name" };

await visit("/?since=7d", async (page) => {
  await settled(page);
  await shot(page, "logs");
  for (const name of FIELDS) {
    const param = PARAMS[name] ?? name.toLowerCase();
    await page.getByRole("button", { name, exact: false }).filter({ hasText: new RegExp(`^${name}`) }).first().click();
    const value = page.locator(".popover-body .facet .value").first();
    await value.waitFor();
    const text = await value.locator("span").first().innerText();
    await value.click();
    await page.waitForFunction(([param, text]) => new URLSearchParams(location.search).getAll(param).includes(text), [param, text]);
    const expected = await ask(`/v1/events?since=7d&limit=1&${param}=${encodeURIComponent(text)}`);
    await page.keyboard.press("Escape");
    await page.locator(".chips").getByText(`${name} ${text}`).waitFor();
    await settled(page);
    const first = await rows(page).first().locator(".message").innerText();
    assert.equal(first, expected.events[0].message ?? "", `${name} = ${text}`);
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.waitForFunction((param) => !new URLSearchParams(location.search).has(param), param);
  }

  // What is left out.
  await page.goto(`${url}/?since=7d&not=type:actionkit&not=type:managed_sync`);
  await settled(page);
  for (const type of await page.locator(".log-row > :nth-child(3)").allInnerTexts()) {
    assert.ok(!["actionkit", "managed_sync"].includes(type), type);
  }

  // Words, and what to do when nothing has them.
  await page.goto(`${url}/?since=7d`);
  await settled(page);
  await page.keyboard.press("/");
  await page.keyboard.type("rate limited");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "rate limited");
  await settled(page);
  assert.match(await rows(page).first().innerText(), /rate limited/i);
  await page.goto(`${url}/?since=7d&q=zzzunheardof`);
  await page.getByText("No event matches.").waitFor();
  await shot(page, "nothing");

  // A drag over the chart is a time range.
  await page.goto(`${url}/?since=7d`);
  await page.getByTestId("total").waitFor();
  const before = await page.getByTestId("total").innerText();
  const box = await page.locator(".chart-box .u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => new URLSearchParams(location.search).has("until"));
  await page.waitForFunction((before) => {
    const total = document.querySelector("[data-testid=total]");
    return total && total.textContent !== before;
  }, before);
  await page.goBack();
  await page.waitForFunction(() => !new URLSearchParams(location.search).has("until"));
  await accessible(page, "the event logs");
});

// An address that was shared shows the same in a profile that never was here.
const shared = "/?since=7d&level=ERROR&type=managed_sync&q=sync";
const [mine, theirs] = [await texts(shared), await texts(shared)];
assert.deepEqual(mine, theirs);
assert.ok(mine.length > 0);

async function texts(path) {
  return visit(path, async (page) => {
    await settled(page);
    assert.equal(await page.locator("#search").inputValue(), "sync");
    return (await rows(page).allInnerTexts()).slice(0, 10);
  });
}
