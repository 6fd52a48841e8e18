/** {@link Standing}: how the server stood at one moment, and what two of them say about the time between. Pure. */
import { type Sample, sumOf } from "./open_metrics";

export const SAMPLE_MS = 5_000;
/** Five minutes of them. */
const KEPT = 61;
/** Two samples further apart are not about what lies between: the page was hidden. */
const GAP_MS = 4 * SAMPLE_MS;

export interface Standing {
  atMs: number;
  /** Counted since the server started. */
  accepted: number;
  duplicates: number;
  refused: number;
  bytes: number;
  /** Undefined while the server has no store open. */
  waitingRows?: number;
  waitingBytes?: number;
  walBytes?: number;
  nextLsn?: number;
  /** Everything up to it is in the table. */
  watermark?: number;
  isFailing: boolean;
}

export interface Rates {
  accepted: number;
  duplicates: number;
  refused: number;
  bytes: number;
}

export function standingOf(samples: Sample[], atMs: number): Standing {
  const gauge = (name: string) => sumOf(samples, `annals_${name}`);
  // A counter by source is absent until the first event of a source.
  const counter = (name: string) => gauge(`${name}_total`) ?? 0;
  return {
    atMs,
    accepted: counter("events_accepted"),
    duplicates: counter("events_duplicate"),
    refused: counter("events_refused"),
    bytes: counter("ingested_bytes"),
    waitingRows: gauge("memtable_rows"),
    waitingBytes: gauge("memtable_bytes"),
    walBytes: gauge("wal_bytes"),
    nextLsn: gauge("next_lsn"),
    watermark: gauge("watermark_lsn"),
    isFailing: gauge("writer_failing") === 1,
  };
}

/** The standings with one more, the oldest first; those that are too old leave. */
export function added(standings: Standing[], standing: Standing): Standing[] {
  return [...standings, standing].slice(-KEPT);
}

/** What came in a second between two standings; undefined over a gap or a restart of the server. */
export function ratesBetween(before: Standing, after: Standing): Rates | undefined {
  const seconds = (after.atMs - before.atMs) / 1_000;
  if (seconds <= 0 || after.atMs - before.atMs > GAP_MS) return undefined;
  const rate = (name: keyof Rates) => (after[name] - before[name]) / seconds;
  const rates = { accepted: rate("accepted"), duplicates: rate("duplicates"), refused: rate("refused"), bytes: rate("bytes") };
  return Object.values(rates).some((value) => value < 0) ? undefined : rates;
}

/** The rates of each step, the oldest first. */
export function rates(standings: Standing[]): (Rates | undefined)[] {
  return standings.slice(1).map((standing, at) => {
    const before = standings[at];
    return before && ratesBetween(before, standing);
  });
}

export interface Lag {
  /** Events that are safe in the log but in no file yet. */
  events: number;
  /** For at least this long the oldest of them has waited, as far as was seen from here. */
  waitedMs: number;
}

/** How far the table is behind the log. The metrics tell no times, so the wait is what these standings saw of it. */
export function lag(standings: Standing[]): Lag | undefined {
  const now = standings.at(-1);
  if (now?.nextLsn === undefined || now.watermark === undefined || now.waitingRows === undefined) return undefined;
  // Without rows in memory, what lies between the two is LSNs that no row has.
  if (now.waitingRows === 0) return { events: 0, waitedMs: 0 };
  const { watermark } = now;
  const first = standings.find(
    ({ nextLsn, waitingRows }) => nextLsn !== undefined && nextLsn - 1 > watermark && waitingRows !== 0,
  );
  return { events: now.waitingRows, waitedMs: now.atMs - (first?.atMs ?? now.atMs) };
}
