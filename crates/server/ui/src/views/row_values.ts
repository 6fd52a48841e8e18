/** What is in a row of SQL: columns without a value are left out of it, and numbers out of JSON are texts. */
import type { Row } from "../api/types";

/** A text; empty when there is none. */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A number, if there is one. */
export function numberOf(row: Row, column: string): number | undefined {
  const value = textOf(row, column);
  const number = value === "" ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** A count: nothing counted is 0. */
export function countOf(row: Row, column: string): number {
  return numberOf(row, column) ?? 0;
}

/** `INCREMENTAL_SYNC_COMPLETED` and `webhook_trigger` as people write: `Incremental sync completed`. */
export function spoken(name: string): string {
  const words = name.replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
