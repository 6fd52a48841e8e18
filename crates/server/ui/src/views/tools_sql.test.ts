import { expect, test } from "vitest";
import { type Scope } from "./scope";
import { toolFailuresSql, toolsSql } from "./tools_sql";


const scope: Scope = { projects: [], since: "7d", users: ["u'1"], integrations: [] };

test("starts are left out before payloads are read", () => {
  const sql = toolsSql(scope);
  expect(sql).toMatch(/where type = 'actionkit'\s+and timestamp >= now\(\) - interval '7 days'\s+and end_user_id = 'u''1'/);
  expect(sql).toContain("and (message like 'Completed %' or message like 'Failed %')");
  expect(sql).toContain("approx_percentile_cont(0.95) within group (order by duration_ms)");
});

test("a tool is a text, and its failures the newest first", () => {
  const sql = toolFailuresSql("DROP'S", scope);
  expect(sql).toContain("= 'DROP''S'");
  expect(sql).toMatch(/order by timestamp desc, seq desc\nlimit 20$/);
});
