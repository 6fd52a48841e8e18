/** Workflows: how far triggers come, and which workflows fail most. */
import type { Row } from "../api/types";
import { filters } from "../state/logs_url";
import { errorText, eventsHref, FailureText, Id } from "./cells";
import { counted, failedShare, narrowing } from "./columns";
import { Answer, FeatureFrame } from "./feature_frame";
import { type Column, FeatureTable } from "./feature_table";
import { Funnel } from "./funnel";
import { countOf, textOf } from "./row_values";
import { scopeOf } from "./scope";
import { funnelSql, WORKFLOWS_MAX, workflowsSql } from "./workflows_sql";

const COLUMNS: Column<Row>[] = [
  { name: "Workflow", show: (row) => <Id value={textOf(row, "workflow_id")} />, by: (row) => textOf(row, "workflow_id") },
  narrowing("Integration", "integration", "integration_id"),
  counted("Executions", "executions", "Traces of the workflow in this time"),
  counted("Failures", "failures", "Traces with an error in this time", true),
  failedShare((row) => countOf(row, "executions"), "Of the executions"),
  {
    name: "Last failure",
    show: (row) => (
      <FailureText
        text={errorText(textOf(row, "message"), textOf(row, "error_detail"))}
        at={textOf(row, "failed_at")}
        trace={textOf(row, "failed_trace")}
      />
    ),
    by: (row) => textOf(row, "failed_at"),
  },
  { name: "Events", show: eventsLinks },
];

export function WorkflowsView() {
  const scope = scopeOf(filters.value);
  return (
    <FeatureFrame
      name="Workflows"
      says="What became of the triggers of this time, counted by trace, and the workflows that failed most."
    >
      <h2>From trigger to workflow</h2>
      <Answer sql={funnelSql(scope)} what="triggers" nothing="Nothing was triggered here in this time.">
        {(rows) => <Funnel rows={rows} />}
      </Answer>
      <h2>Workflows</h2>
      <Answer
        sql={workflowsSql(scope)}
        what="workflows"
        rowsMax={WORKFLOWS_MAX}
        nothing="No workflow ran here in this time. Try a longer time or another project."
      >
        {(rows) => (
          <FeatureTable
            label="Workflows, those with most failures first"
            columns={COLUMNS}
            rows={rows}
            keyOf={(row) => textOf(row, "workflow_id")}
            words={(row) =>
              ["workflow_id", "integration_id", "message", "error_detail"].map((column) => textOf(row, column)).join(" ")
            }
          />
        )}
      </Answer>
    </FeatureFrame>
  );
}

function eventsLinks(row: Row) {
  const id = textOf(row, "workflow_id");
  return (
    <div class="stacked">
      <a href={eventsHref({ workflow: [id] })} aria-label={`Events of workflow ${id}`}>
        Events
      </a>
      {countOf(row, "failures") > 0 && (
        <a href={eventsHref({ workflow: [id], level: ["ERROR"] })} aria-label={`Errors of workflow ${id}`}>
          Errors
        </a>
      )}
    </div>
  );
}
