import { expect, test } from "vitest";
import { type Scope } from "./scope";
import { funnelSql, TRIGGER_TYPES, workflowsSql } from "./workflows_sql";


const scope: Scope = { projects: ["a", "b"], since: "all", users: [], integrations: ["x"] };

test("the funnel reads triggers alone, and counts traces by the roles of the catalogue", () => {
  const sql = funnelSql(scope);
  for (const type of TRIGGER_TYPES) expect(sql).toContain(`'${type}'`);
  expect(sql).not.toContain("workflow_task");
  expect(sql).toContain("project_id in ('a', 'b')");
  expect(sql).toContain("left join event_kinds k on k.type = e.type and k.message = e.message");
  expect(sql).not.toContain("payload");
  expect(sql).not.toContain("timestamp >=");
});

test("an execution is a trace, and no payload is read", () => {
  const sql = workflowsSql(scope);
  expect(sql).toContain("'workflow_task'");
  expect(sql).toContain("group by workflow_id, trace_id");
  expect(sql).not.toContain("payload");
  expect(sql).not.toContain("`");
});
