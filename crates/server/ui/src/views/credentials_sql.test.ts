import { expect, test } from "vitest";
import { failingSql, refreshesSql } from "./credentials_sql";
import { type Scope } from "./scope";


const scope: Scope = { projects: ["acme"], since: "30d", users: [], integrations: [] };

test("both statements read credential events of the range and project, and no payload", () => {
  for (const sql of [refreshesSql(scope), failingSql(scope)]) {
    expect(sql).toMatch(/where type = 'user_credential'\s+and timestamp >= now\(\) - interval '30 days'\s+and project_id = 'acme'/);
    expect(sql).not.toContain("payload");
  }
});

test("a credential fails since the first failure after its last success", () => {
  const sql = failingSql(scope);
  expect(sql).toContain("min(e.timestamp) as failing_since");
  expect(sql).toContain("(s.succeeded_at is null or e.timestamp > s.succeeded_at)");
});
