import { expect, test } from "vitest";
import { type Scope } from "./scope";
import { syncRunsSql, syncsSql } from "./syncs_sql";


const scope: Scope = { projects: ["acme"], since: "24h", users: [], integrations: [] };

test("one row a sync, narrowed before it is grouped, problems first", () => {
  const sql = syncsSql(scope);
  expect(sql).toMatch(/where type = 'managed_sync'\s+and timestamp >= now\(\) - interval '24 hours'\s+and project_id = 'acme'/);
  expect(sql.indexOf("group by")).toBeGreaterThan(sql.indexOf("project_id = 'acme'"));
  expect(sql).toMatch(/order by\s+case status when 'ERRORED' then 0 when 'RATE_LIMITED' then 1/);
  expect(sql).not.toContain(" over (");
});

test("the runs of a sync are found by its id, which stays a text", () => {
  const sql = syncRunsSql("a-1", scope);
  expect(sql).toContain("and payload like '%a-1%'\n    and payload->>'syncId' = 'a-1'");
  expect(syncRunsSql("x' or '1", scope)).toContain("payload->>'syncId' = 'x'' or ''1'");
});
