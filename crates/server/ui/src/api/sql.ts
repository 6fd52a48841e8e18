/** SQL over the store. */
import { json, request } from "./client";
import type { SqlAnswer } from "./types";

export type SqlFormat = "csv" | "parquet";

function statement(sql: string, signal?: AbortSignal): RequestInit {
  return { method: "POST", headers: { "content-type": "text/plain" }, body: sql, signal };
}

/** Runs one statement. Ending the signal ends the statement on the server too. */
export function runSql(sql: string, signal?: AbortSignal): Promise<SqlAnswer> {
  return json("/v1/sql", statement(sql, signal));
}

/** The same answer as a file. */
export async function exportSql(sql: string, format: SqlFormat): Promise<Blob> {
  const response = await request(`/v1/sql?format=${format}`, statement(sql));
  return response.blob();
}
