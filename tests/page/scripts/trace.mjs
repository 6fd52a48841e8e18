// The trace page: every event, the failing one marked, bars with durations, the runs beside it.
import assert from "node:assert/strict";
import { accessible, ask, shot, visit } from "./browser.mjs";

const sql = (sql) => ask("/v1/sql", { method: "POST", headers: { "content-type": "text/plain" }, body: sql });
const wanted = `select trace_id from events where type = 'TYPE' and level = 'ERROR' and trace_id is not null
                order by timestamp desc limit 1`;
for (const type of ["managed_sync", "actionkit", "webhook_trigger", "user_credential"]) {
  const id = (await sql(wanted.replace("TYPE", type))).rows[0]?.trace_id;
  assert.ok(id, `a failed ${type}`);
  const { events } = await ask(`/v1/traces/${id}?limit=2000`);
  await visit(`/trace/${id}`, async (page) => {
    await page.locator(".steps li").first().waitFor();
    assert.equal(await page.locator(".steps li").count(), events.length);
    assert.match(await page.getByTestId("failure").innerText(), /^Failed: /);
    assert.ok((await page.locator(".bar.failed, .point.failed").count()) > 0, "the failing one is marked");
    assert.ok((await page.locator(".details .event-error, .details").count()) > 0, "what failed is open");
    await page.locator(".lanes select, select").first().waitFor();
    await page.getByLabel("Lanes by").selectOption("integration");
    await page.locator(".lane-name").first().waitFor();
    await shot(page, `trace-${type}`);
    await accessible(page, `the trace of ${type}`);
  });
}

await visit("/trace/no-such-trace", async (page) => {
  await page.getByText("No event has the trace id").waitFor();
});

// From one run of a sync to the one before it and back.
const run = (await sql(`select trace_id from events where type = 'managed_sync' and message = 'Incremental sync completed'
                        order by timestamp desc limit 1 offset 20`)).rows[0].trace_id;
await visit(`/trace/${run}`, async (page) => {
  const previous = page.getByRole("link", { name: "Previous run" });
  const none = page.getByText(/no previous run/);
  await previous.or(none).waitFor();
  if ((await previous.count()) === 0) return;
  await previous.click();
  await page.waitForFunction((run) => !location.pathname.endsWith(run), run);
  await page.getByRole("link", { name: "Next run" }).click();
  await page.waitForFunction((run) => location.pathname.endsWith(run), run);
});
