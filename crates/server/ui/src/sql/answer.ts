/** What the columns of an answer are, and their values as text. Pure. */
import type { Json, SqlAnswer } from "../api/types";

export type Kind = "time" | "date" | "number" | "boolean" | "text";

export type Column = SqlAnswer["columns"][number];

/** The kind of an Arrow type, by its name. */
export function kindOf(type: string): Kind {
  if (/^Timestamp/.test(type)) return "time";
  if (/^Date/.test(type)) return "date";
  if (/^(U?Int|Float|Decimal)\d/.test(type)) return "number";
  return type === "Boolean" ? "boolean" : "text";
}

export function isInteger(type: string): boolean {
  return /^U?Int\d/.test(type);
}

/** A stored time with its zone: Arrow leaves it out where a type has none, and then it is UTC. */
export function zoned(text: string): string {
  return /Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`;
}

/** Milliseconds since 1970; NaN for what is no time. */
export function timeMs(value: Json | undefined): number {
  if (typeof value !== "string") return Number.NaN;
  return Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? value : zoned(value));
}

/** A value as one line of text; `time` shows a time. Null has no text. */
export function cellText(value: Json | undefined, kind: Kind, time: (text: string) => string): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return kind === "time" ? time(zoned(value)) : value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const WIDTH_MIN = 6;
const WIDTH_MAX = 48;
/** Rows that say how wide a column should be. */
const WIDTH_ROWS = 100;

/** Widths of columns in characters, by what the first rows hold: rows that come into sight later move nothing. */
export function widths(answer: SqlAnswer): number[] {
  return answer.columns.map(({ name, type }) => {
    const kind = kindOf(type);
    let most = name.length;
    for (const row of answer.rows.slice(0, WIDTH_ROWS)) {
      // A time is as long as any other.
      const text = cellText(row[name], kind, () => "0000-00-00 00:00:00.000") ?? "null";
      most = Math.max(most, Math.min(text.length, WIDTH_MAX));
    }
    return Math.min(Math.max(most, WIDTH_MIN), WIDTH_MAX);
  });
}
