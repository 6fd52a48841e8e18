/** The tables that a statement can name, and their columns. Pure. Used where the server does not tell them itself. */
import type { Row } from "../api/types";

/** Columns by table. */
export type Tables = Record<string, string[]>;

export const TABLES: Tables = {
  events: [
    "id",
    "timestamp",
    "received_at",
    "seq",
    "level",
    "type",
    "message",
    "persona_id",
    "end_user_id",
    "connect_credential_id",
    "connect_credential_config_id",
    "workflow_id",
    "trace_id",
    "integration_id",
    "webhook_id",
    "event_id",
    "event_name",
    "status",
    "error",
    "payload",
    "attributes",
    "project_id",
    "day",
  ],
  traces: [
    "trace_id",
    "project_id",
    "first",
    "last",
    "duration_ms",
    "events",
    "errors",
    "types",
    "end_user_id",
    "integration_id",
  ],
  event_kinds: ["category", "type", "message", "level", "role"],
  files: [
    "path",
    "project_id",
    "day",
    "bytes",
    "rows",
    "min_timestamp",
    "max_timestamp",
    "writer",
    "first_lsn",
    "last_lsn",
  ],
  dead_letters: [
    "id",
    "refused_at",
    "project_id",
    "day",
    "reason",
    "source",
    "record_index",
    "line",
    "bytes",
    "truncated",
    "raw",
  ],
};

/** Asks the server for the same. */
export const TABLES_SQL =
  "select table_name, column_name from information_schema.columns where table_schema = 'public' " +
  "order by table_name, ordinal_position";

/** The answer to {@link TABLES_SQL}; what is no name is passed over. */
export function tablesOf(rows: Row[]): Tables {
  const tables: Tables = {};
  for (const { table_name: table, column_name: column } of rows) {
    if (typeof table !== "string" || typeof column !== "string") continue;
    (tables[table] ??= []).push(column);
  }
  return tables;
}

/** The tables whose names stand in a statement; all of them where none does. */
export function namedIn(statement: string, tables: Tables): string[] {
  const words = new Set(statement.toLowerCase().match(/[a-z_]+/g) ?? []);
  const all = Object.keys(tables);
  const named = all.filter((table) => words.has(table));
  return named.length > 0 ? named : all;
}
