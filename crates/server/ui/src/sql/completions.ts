/** What the editor can complete: tables, columns, payload members. Loaded beside the view; without it one types oneself. */
import { events } from "../api/events";
import { runSql } from "../api/sql";
import { useLoaded } from "../parts/loaded";
import { projects } from "../state/logs_url";
import { type PayloadPath, payloadPaths } from "./payload_paths";
import { TABLES, TABLES_SQL, type Tables, tablesOf } from "./tables";

/** The latest events whose payloads are looked at. */
const SAMPLE = 200;

export interface Completions {
  tables: Tables;
  paths: PayloadPath[];
  /** Events that the paths were counted over. */
  sampled: number;
}

const UNKNOWN: Completions = { tables: TABLES, paths: [], sampled: 0 };

export function useCompletions(): Completions {
  const chosen = projects.value;
  const found = useLoaded(chosen.join(","), (signal) => load(chosen, signal));
  return found.value ?? UNKNOWN;
}

async function load(chosen: string[], signal: AbortSignal): Promise<Completions> {
  const query: [string, string][] = [...chosen.map((project): [string, string] => ["project", project]), ["limit", String(SAMPLE)]];
  const [columns, page] = await Promise.allSettled([runSql(TABLES_SQL, signal), events(query, signal)]);
  const tables = columns.status === "fulfilled" ? tablesOf(columns.value.rows) : {};
  const sample = page.status === "fulfilled" ? page.value.events : [];
  return {
    tables: Object.keys(tables).length > 0 ? tables : TABLES,
    paths: payloadPaths(sample),
    sampled: sample.length,
  };
}
