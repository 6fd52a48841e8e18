/**
 * The SQL view: a statement, its answer as a table or a chart, and both as something to pass on.
 *
 * The address says which statement was run: opening an address runs its statement, and running one changes the address.
 */
import { useEffect, useMemo, useState } from "preact/hooks";
import { exportSql, type SqlFormat } from "../api/sql";
import { Copy } from "../parts/copy";
import { download } from "../parts/download";
import { Failed, Nothing } from "../parts/states";
import { duration } from "../format/time";
import { bytes, count } from "../format/numbers";
import { go, href, place } from "../state/location";
import { AnswerChart } from "./answer_chart";
import { AnswerTable } from "./answer_table";
import { chartOf } from "./chart";
import { useCompletions } from "./completions";
import { remember } from "./history";
import { Examples, HistoryList } from "./history_list";
import { type Run, type Runner, useRun } from "./run";
import { type Given, StatementBox } from "./statement_box";
import type { SqlAnswer } from "../api/types";
import "../style/views_sql.css";

export function SqlView() {
  const asked = place.value.params.get("sql") ?? "";
  const [text, setText] = useState(asked);
  const [given, setGiven] = useState<Given>({ text: asked });
  // Kept from one answer to the next.
  const [isChart, setChart] = useState(false);
  const runner = useRun();
  const completions = useCompletions();
  const put = (sql: string) => {
    setText(sql);
    setGiven({ text: sql });
  };
  const begin = (sql: string) => {
    remember(sql);
    runner.start(sql);
  };
  useEffect(() => {
    if (!asked.trim()) return;
    put(asked);
    begin(asked);
  }, [asked]);
  const run = (sql: string) => {
    put(sql);
    if (!sql.trim()) return;
    // A statement that is in the address already is no change of it.
    if (sql === asked) begin(sql);
    else go(shared(sql));
  };
  return (
    <div class="sql">
      <h1>SQL</h1>
      <p class="dim">
        One statement that reads, in the dialect of PostgreSQL, over <code>events</code>, <code>traces</code>,{" "}
        <code>event_kinds</code>, <code>files</code> and <code>dead_letters</code>.
      </p>
      <StatementBox text={text} given={given} completions={completions} onText={setText} onRun={run} />
      <Bar text={text} runner={runner} run={() => run(text)} take={put} />
      {runner.run ? <Outcome run={runner.run} isChart={isChart} setChart={setChart} /> : <Examples take={run} />}
    </div>
  );
}

/** The address that opens a statement. */
function shared(sql: string): string {
  const params = new URLSearchParams(place.value.params);
  params.set("sql", sql);
  return href("/sql", params);
}

interface BarProps {
  text: string;
  runner: Runner;
  run(): void;
  take(sql: string): void;
}

function Bar({ text, runner, run, take }: BarProps) {
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  return (
    <div class="sql-bar">
      {runner.isRunning ? (
        <button type="button" class="primary" key="cancel" onClick={runner.stop}>
          Cancel
        </button>
      ) : (
        <button type="button" class="primary" key="run" disabled={!text.trim()} title={isMac ? "⌘ Enter" : "Ctrl+Enter"} onClick={run}>
          Run
        </button>
      )}
      {runner.isRunning && runner.run && <Ticking sinceMs={runner.run.startedMs} />}
      <HistoryList take={take} />
      {text.trim() && <Copy text={location.origin + shared(text)} what="a link that runs this statement" label="Copy link" />}
    </div>
  );
}

/** How long something takes so far. The word is announced, the numbers are not. */
function Ticking({ sinceMs }: { sinceMs: number }) {
  const [nowMs, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="dim">
      <span class="spinner" aria-hidden="true" /> <span role="status">Running…</span>{" "}
      <span aria-hidden="true">{duration(Math.max(0, nowMs - sinceMs))}</span>
    </span>
  );
}

interface Shape {
  isChart: boolean;
  setChart(isChart: boolean): void;
}

function Outcome({ run, ...shape }: { run: Run } & Shape) {
  if (run.error) return <Failed error={run.error} />;
  if (run.isStopped) return <Nothing>Cancelled after {duration(run.tookMs ?? 0)}. The server stopped too.</Nothing>;
  if (!run.answer) return null;
  return <Answer sql={run.sql} answer={run.answer} {...shape} />;
}

function Answer({ sql, answer, isChart, setChart }: { sql: string; answer: SqlAnswer } & Shape) {
  const chart = useMemo(() => chartOf(answer), [answer]);
  const isDrawn = isChart && chart !== undefined;
  return (
    <section aria-label="Answer">
      <div class="sql-bar">
        <div class="switch" role="group" aria-label="Show the answer as">
          <button type="button" aria-pressed={!isDrawn} class={isDrawn ? "" : "active"} onClick={() => setChart(false)}>
            Table
          </button>
          <button
            type="button"
            aria-pressed={isDrawn}
            class={isDrawn ? "active" : ""}
            disabled={!chart}
            title={chart ? undefined : "A chart wants a column of times, texts or integers and one of numbers"}
            onClick={() => setChart(true)}
          >
            Chart
          </button>
        </div>
        <span class="stats" role="status">
          {statsText(answer)}
        </span>
        <Exports sql={sql} />
      </div>
      {answer.columns.length === 0 || answer.rows.length === 0 ? (
        <Nothing>No rows: nothing in the store is what this statement asks for.</Nothing>
      ) : isDrawn ? (
        <AnswerChart chart={chart} />
      ) : (
        <AnswerTable answer={answer} />
      )}
    </section>
  );
}

function statsText({ rows, stats }: SqlAnswer): string {
  const found = `${count(rows.length)} ${rows.length === 1 ? "row" : "rows"} in ${duration(stats.total_ms)}`;
  const files = `${count(stats.files_opened)} of ${count(stats.files_total)} files opened`;
  return `${found}, ${files}, ${bytes(stats.bytes_read)} read`;
}

/** The statement's answer as a file: asked for again, so that it is whole and exact. */
function Exports({ sql }: { sql: string }) {
  const [busy, setBusy] = useState<SqlFormat>();
  const [error, setError] = useState<unknown>();
  const save = async (format: SqlFormat) => {
    setBusy(format);
    setError(undefined);
    try {
      download(await exportSql(sql, format), `annals.${format}`);
    } catch (problem) {
      setError(problem);
    }
    setBusy(undefined);
  };
  return (
    <span class="exports">
      {(["csv", "parquet"] as const).map((format) => (
        <button key={format} type="button" disabled={busy !== undefined} onClick={() => save(format)}>
          {busy === format ? "Exporting…" : `Export ${format === "csv" ? "CSV" : "Parquet"}`}
        </button>
      ))}
      {error !== undefined && <Failed error={error} />}
    </span>
  );
}
