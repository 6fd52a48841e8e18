/** ActionKit: how often each tool is called, how often and why it fails, and how long it takes. */
import type { Row } from "../api/types";
import { percent } from "../format/numbers";
import { filters } from "../state/logs_url";
import { Count, eventsHref, FailureText, Id, TraceLink, When } from "./cells";
import { counted, failedShare, narrowing, timed, worded } from "./columns";
import { Answer, FeatureFrame } from "./feature_frame";
import { type Column, FeatureTable } from "./feature_table";
import { countOf, textOf } from "./row_values";
import { scopeOf } from "./scope";
import { toolFailuresSql, TOOLS_MAX, toolsSql } from "./tools_sql";

const COLUMNS: Column<Row>[] = [
  { name: "Tool", show: (row) => <span class="mono">{textOf(row, "tool") || "no name"}</span>, by: (row) => textOf(row, "tool") },
  counted("Calls", "calls", "Calls that ended in this time"),
  counted("Failures", "failures", "Calls that failed in this time", true),
  failedShare((row) => countOf(row, "calls"), "Of the calls that ended"),
  timed("p50", "p50_ms", "Half of the calls took no longer"),
  timed("p95", "p95_ms", "19 of 20 calls took no longer"),
  counted("Users affected", "users_affected", "Users for whom a call failed in this time"),
  {
    name: "Last failure",
    show: (row) => <FailureText text={textOf(row, "failure")} at={textOf(row, "failed_at")} trace={textOf(row, "failed_trace")} />,
    by: (row) => textOf(row, "failed_at"),
  },
  {
    name: "Events",
    show: (row) => {
      const tool = textOf(row, "tool");
      return (
        <a href={eventsHref({ type: ["actionkit"] }, `"${tool}"`)} aria-label={`Events of ${tool}`}>
          Events
        </a>
      );
    },
  },
];

const FAILURE_COLUMNS: Column<Row>[] = [
  { name: "Time", show: (row) => <When at={textOf(row, "timestamp")} />, by: (row) => textOf(row, "timestamp") },
  { name: "Error", show: (row) => <span class="failure-text">{textOf(row, "failure")}</span>, by: (row) => textOf(row, "failure") },
  worded("Code", "code"),
  { ...worded("HTTP status", "http_status"), isNumber: true },
  timed("Duration", "duration_ms"),
  narrowing("User", "user", "end_user_id"),
  narrowing("Integration", "integration", "integration_id"),
  {
    name: "Trace",
    show: (row) => (
      <TraceLink trace={textOf(row, "trace_id")}>
        <Id value={textOf(row, "trace_id")} />
      </TraceLink>
    ),
  },
];

export function ToolsView() {
  const scope = scopeOf(filters.value);
  return (
    <FeatureFrame name="ActionKit" says="Every tool whose calls ended in this time; those with most failures come first.">
      <Answer
        sql={toolsSql(scope)}
        what="tools"
        rowsMax={TOOLS_MAX}
        nothing="No tool call ended here in this time. Try a longer time or another project."
      >
        {(rows) => (
          <>
            <p>{summary(rows)}</p>
            <FeatureTable
              label="Tools"
              columns={COLUMNS}
              rows={rows}
              keyOf={(row) => textOf(row, "tool")}
              words={(row) => `${textOf(row, "tool")} ${textOf(row, "failure")}`}
              detail={{
                label: (row) => `Latest failures of ${textOf(row, "tool")}`,
                show: (row) => <ToolFailures tool={textOf(row, "tool")} />,
                isThere: (row) => textOf(row, "tool") !== "" && countOf(row, "failures") > 0,
              }}
            />
          </>
        )}
      </Answer>
    </FeatureFrame>
  );
}

function ToolFailures({ tool }: { tool: string }) {
  return (
    <Answer sql={toolFailuresSql(tool, scopeOf(filters.value))} what="failures" nothing="It did not fail in this time.">
      {(rows) => (
        <FeatureTable
          label={`Latest failures of ${tool}`}
          columns={FAILURE_COLUMNS}
          rows={rows}
          keyOf={(row) => textOf(row, "id")}
        />
      )}
    </Answer>
  );
}

function summary(rows: Row[]) {
  const sum = (column: string) => rows.reduce((total, row) => total + countOf(row, column), 0);
  const [calls, failures] = [sum("calls"), sum("failures")];
  return (
    <>
      <Count n={calls} /> calls of <Count n={rows.length} /> tools; <Count n={failures} isBad /> failed ({percent(failures, calls)}).
    </>
  );
}
