// The SQL view: an answer, an error, a statement cancelled, an export, an address shared.
import assert from "node:assert/strict";
import { ask, shot, url, visit } from "./browser.mjs";

const COUNT = "select type, count(*) as events from events group by type order by events desc";
const SLOW = "select count(*) from events a join events b on a.message <> b.message";

await visit(`/sql?sql=${encodeURIComponent(COUNT)}`, async (page) => {
  await page.getByRole("cell", { name: "managed_sync" }).or(page.getByRole("gridcell", { name: "managed_sync" })).first().waitFor();
  const told = await ask("/v1/sql", { method: "POST", headers: { "content-type": "text/plain" }, body: COUNT });
  assert.ok((await page.locator("main").innerText()).includes(told.rows[0].type));
  await shot(page, "sql");
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  assert.match((await saved).suggestedFilename(), /\.csv$/);

  await page.goto(`${url}/sql?sql=${encodeURIComponent("select nothing from events")}`);
  await page.getByRole("alert").getByText(/nothing/).waitFor();

  await page.goto(`${url}/sql?sql=${encodeURIComponent(SLOW)}`);
  const cancel = page.getByRole("button", { name: "Cancel" });
  await cancel.click();
  await cancel.waitFor({ state: "detached" });
  // The server is free again.
  await ask("/v1/events?limit=1");
});
