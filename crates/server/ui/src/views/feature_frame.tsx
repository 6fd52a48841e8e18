/**
 * The frame that all feature views share: what the view is, how far back it looks, and answers with the SQL behind them.
 */
import type { ComponentChildren } from "preact";
import { runSql } from "../api/sql";
import type { Row } from "../api/types";
import { count } from "../format/numbers";
import { duration, fullTime } from "../format/time";
import { useLoaded } from "../parts/loaded";
import { SqlNote } from "../parts/sql_note";
import { Failed, Nothing, Waiting } from "../parts/states";
import { ALL_TIME, type Field, SINCE_DEFAULT } from "../state/filters";
import { href, place } from "../state/location";
import { filters } from "../state/logs_url";

const RANGES: [string, string][] = [
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
  [ALL_TIME, "All time"],
];

/** The fields that a view can be narrowed by, as its chips call them. */
const NARROWING: [Field, string][] = [
  ["user", "User"],
  ["integration", "Integration"],
];

/** The address of this view with one parameter changed; the default stays out of it. */
function hrefWith(name: string, value: string): string {
  const params = new URLSearchParams(place.value.params);
  params.delete(name);
  if (value) params.set(name, value);
  return href(place.value.path, params);
}

/** The address of this view with the events of one user or integration alone. */
export function narrowHref(field: Field, value: string): string {
  return hrefWith(field, value);
}

interface FrameProps {
  name: string;
  /** One sentence: what is seen here. */
  says: string;
  children: ComponentChildren;
}

export function FeatureFrame({ name, says, children }: FrameProps) {
  return (
    <div class="feature">
      <h1>{name}</h1>
      <p class="dim">{says}</p>
      <div class="feature-choices">
        <RangeChoice />
        <Narrowed />
      </div>
      {children}
    </div>
  );
}

function RangeChoice() {
  const { since } = filters.value;
  const isPreset = RANGES.some(([value]) => value === since);
  return (
    <nav class="ranges" aria-label="Time range">
      {RANGES.map(([value, name]) => (
        <a
          key={value}
          class="button"
          href={hrefWith("since", value === SINCE_DEFAULT ? "" : value)}
          aria-current={value === since ? "true" : undefined}
        >
          {name}
        </a>
      ))}
      {!isPreset && (
        <a class="button" href={hrefWith("since", since)} aria-current="true">
          Since {/^\d+\w$/.test(since) ? `${since} ago` : fullTime(since)}
        </a>
      )}
    </nav>
  );
}

function Narrowed() {
  return (
    <>
      {NARROWING.map(([field, name]) => {
        const values = filters.value.only[field] ?? [];
        if (values.length === 0) return null;
        return (
          <a key={field} class="button narrowed" href={hrefWith(field, "")} title="Show all again">
            {name}: {values.join(", ")} <span aria-hidden="true">✕</span>
            <span class="hidden">: show all again</span>
          </a>
        );
      })}
    </>
  );
}

interface AnswerProps {
  sql: string;
  /** What is waited for, for people. */
  what: string;
  /** What is said when there are no rows. */
  nothing: ComponentChildren;
  /** The most rows that the statement gives; when they are all there, more may have been left out. */
  rowsMax?: number;
  children: (rows: Row[]) => ComponentChildren;
}

/** Runs a statement and shows its rows, or in words why there are none, and the statement. */
export function Answer({ sql, what, nothing, rowsMax, children }: AnswerProps) {
  const asked = useLoaded(sql, (signal) => runSql(sql, signal));
  const rows = asked.value?.rows;
  return (
    <>
      {!rows && asked.isLoading ? <Waiting what={what} /> : null}
      {asked.error && !asked.isLoading ? <Failed error={asked.error} again={asked.again} /> : null}
      {rows && (
        <div class="answer" aria-busy={asked.isLoading}>
          {rows.length === 0 ? <Nothing>{nothing}</Nothing> : children(rows)}
        </div>
      )}
      {asked.value && (
        <p class="answer-took dim">
          {rowsMax !== undefined && rows?.length === rowsMax
            ? `The first ${count(rowsMax)}; choose a project, user or shorter time to see others. `
            : ""}
          Answered in {duration(asked.value.stats.total_ms)}.{" "}
          <button type="button" class="quiet" disabled={asked.isLoading} onClick={asked.again}>
            {asked.isLoading ? "Asking…" : "Ask again"}
          </button>
        </p>
      )}
      <SqlNote sql={sql} />
    </>
  );
}
