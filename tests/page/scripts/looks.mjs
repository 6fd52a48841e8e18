// Every view in both themes and both widths: axe has nothing serious to say, nothing is wider than the window.
import assert from "node:assert/strict";
import { accessible, shot, visit } from "./browser.mjs";

const VIEWS = {
  logs: "/?since=7d",
  syncs: "/syncs?since=7d",
  tools: "/tools?since=7d",
  workflows: "/workflows?since=7d",
  credentials: "/credentials?since=7d",
  sql: `/sql?sql=${encodeURIComponent("select level, count(*) as events from events group by level order by events desc")}`,
  store: "/store",
};

for (const [width, height] of [
  [1280, 800],
  [390, 844],
]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, path] of Object.entries(VIEWS)) {
      await visit(
        path,
        async (page) => {
          await page.locator("main table, main .log-row, main .state strong").first().waitFor();
          await page.waitForLoadState("networkidle");
          await shot(page, `${name}-${width}-${colorScheme}`);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${name} is ${over} px wider than a window of ${width}`);
          await accessible(page, `${name}, ${colorScheme}, ${width} px`);
        },
        { viewport: { width, height }, colorScheme },
      );
    }
  }
}
