/** Managed Sync: how every sync fares, those with problems first, and the last runs of each. */
import type { Row } from "../api/types";
import { duration, fullTime } from "../format/time";
import { filters } from "../state/logs_url";
import { Count, errorText, eventsHref, FailureText, Id, None, TraceLink, When } from "./cells";
import { counted, narrowing, worded } from "./columns";
import { Answer, FeatureFrame } from "./feature_frame";
import { type Column, FeatureTable } from "./feature_table";
import { countOf, spoken, textOf } from "./row_values";
import { scopeOf } from "./scope";
import { syncRunsSql, SYNCS_MAX, syncsSql } from "./syncs_sql";

/** The states that need someone, worst first, and how they look. */
const STATUS_CLASSES: Record<string, string> = {
  ERRORED: "failed-word",
  RATE_LIMITED: "warned-word",
  DISABLED: "warned-word",
  ACTIVE: "going-word",
  INITIALIZING: "going-word",
};

const COLUMNS: Column<Row>[] = [
  { name: "Sync", show: (row) => <Id value={textOf(row, "sync_id")} />, by: (row) => textOf(row, "sync_id") },
  { name: "Status", title: "Status and phase, as its newest event says", show: status, by: (row) => textOf(row, "status") },
  { name: "Last run", title: "The last that completed or failed", show: lastRun, by: (row) => textOf(row, "ended") },
  counted("Errors", "errors", "Events at level ERROR in this time", true),
  {
    name: "Last error",
    show: (row) => (
      <FailureText
        text={errorText(textOf(row, "error_message"), textOf(row, "error_detail"))}
        at={textOf(row, "error_at")}
        trace={textOf(row, "error_trace")}
      />
    ),
    by: (row) => textOf(row, "error_at"),
  },
  narrowing("User", "user", "end_user_id"),
  narrowing("Integration", "integration", "integration_id"),
  worded("Pipeline", "pipeline"),
  counted("Created", "created", "Records that the last run created"),
  counted("Updated", "updated", "Records that the last run updated"),
  counted("Deleted", "deleted", "Records that the last run deleted"),
  counted("Runs", "runs", "Runs that started in this time"),
  counted("Rate limits", "rate_limits", "Back-offs because of a rate limit in this time"),
  counted("Timeouts", "timeouts", "Back-offs because of a timeout in this time"),
  { name: "Events", show: eventsLink },
];

const RUN_COLUMNS: Column<Row>[] = [
  { name: "Started", show: (row) => <When at={textOf(row, "started")} />, by: (row) => textOf(row, "started") },
  {
    name: "Trace",
    show: (row) => (
      <TraceLink trace={textOf(row, "trace_id")}>
        <Id value={textOf(row, "trace_id")} />
      </TraceLink>
    ),
  },
  { name: "Result", show: runResult },
  { name: "Duration", isNumber: true, title: "From its first event to its newest", show: (row) => duration(runMs(row)), by: runMs },
  counted("Created", "created"),
  counted("Updated", "updated"),
  counted("Deleted", "deleted"),
  {
    name: "Error",
    show: (row) => errorText(textOf(row, "error_message"), textOf(row, "error_detail")) || <None />,
  },
];

export function SyncsView() {
  const scope = scopeOf(filters.value);
  return (
    <FeatureFrame name="Managed Sync" says="Every sync that logged something in this time; those with problems come first.">
      <Answer
        sql={syncsSql(scope)}
        what="syncs"
        rowsMax={SYNCS_MAX}
        nothing="No sync logged anything here in this time. Try a longer time or another project."
      >
        {(rows) => (
          <>
            <p>{summary(rows)}</p>
            <FeatureTable
              label="Syncs"
              columns={COLUMNS}
              rows={rows}
              keyOf={(row) => textOf(row, "sync_id")}
              words={words}
              detail={{
                label: (row) => `Runs of sync ${textOf(row, "sync_id")}`,
                show: (row) => <SyncRuns syncId={textOf(row, "sync_id")} projectId={textOf(row, "project_id")} />,
                isThere: (row) => textOf(row, "sync_id") !== "",
              }}
            />
          </>
        )}
      </Answer>
    </FeatureFrame>
  );
}

function SyncRuns({ syncId, projectId }: { syncId: string; projectId: string }) {
  // A sync is of one project: naming it spares the files of all others.
  const projects = projectId ? [projectId] : filters.value.project;
  const sql = syncRunsSql(syncId, { ...scopeOf(filters.value), projects });
  return (
    <Answer sql={sql} what="runs" nothing="It has no runs in this time.">
      {(rows) => (
        <FeatureTable label={`Runs of sync ${syncId}`} columns={RUN_COLUMNS} rows={rows} keyOf={(row) => textOf(row, "trace_id")} />
      )}
    </Answer>
  );
}

function status(row: Row) {
  const name = textOf(row, "status");
  return (
    <div class="stacked">
      <span class={STATUS_CLASSES[name] ?? ""}>{spoken(name) || "Unknown"}</span>
      <span class="dim" title={fullTime(textOf(row, "newest"))}>
        {spoken(textOf(row, "phase"))}
      </span>
    </div>
  );
}

function lastRun(row: Row) {
  const at = textOf(row, "ended");
  if (!at) return <span class="dim">none ended</span>;
  const isFailed = textOf(row, "ended_level") === "ERROR";
  return (
    <div class="stacked">
      <span class={isFailed ? "failed-word" : ""}>{isFailed ? "Failed" : "Completed"}</span>
      <TraceLink trace={textOf(row, "ended_trace")}>
        <When at={at} />
      </TraceLink>
    </div>
  );
}

function eventsLink(row: Row) {
  const id = textOf(row, "sync_id");
  return id ? (
    <a href={eventsHref({ type: ["managed_sync"] }, `"${id}"`)} aria-label={`Events of sync ${id}`}>
      Events
    </a>
  ) : (
    <a href={eventsHref({ type: ["managed_sync"] })}>Events</a>
  );
}

function runResult(row: Row) {
  if (countOf(row, "errors") > 0) return <span class="failed-word">Failed</span>;
  if (row.is_done === true) return "Completed";
  return <span class="dim">Not ended: {textOf(row, "newest_message") || "no message"}</span>;
}

function runMs(row: Row): number {
  const ms = new Date(textOf(row, "newest")).getTime() - new Date(textOf(row, "started")).getTime();
  return Number.isFinite(ms) ? ms : 0;
}

/** How many there are and how many of them are in trouble. */
function summary(rows: Row[]) {
  const inState = (name: string) => rows.filter((row) => textOf(row, "status") === name).length;
  const withErrors = rows.filter((row) => countOf(row, "errors") > 0).length;
  return (
    <>
      <Count n={rows.length} /> syncs: <Count n={inState("ERRORED")} isBad /> errored, <Count n={inState("RATE_LIMITED")} /> rate
      limited; <Count n={withErrors} /> had errors in this time.
    </>
  );
}

function words(row: Row): string {
  const columns = ["sync_id", "status", "phase", "end_user_id", "integration_id", "pipeline", "error_message", "error_detail"];
  return columns.map((column) => textOf(row, column)).join(" ");
}
