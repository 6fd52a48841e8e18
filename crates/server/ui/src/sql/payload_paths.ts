/** Which members payloads have, as SQL writes them. Pure: counted over a sample of events. */
import type { Json, LogEvent } from "../api/types";

/** Members inside members beyond this are not looked at. */
const DEPTH_MAX = 4;
/** Enough for a list that is chosen from; the most frequent stay. */
const PATHS_MAX = 200;

export interface PayloadPath {
  /** `payload->'response'->>'statusCode'` */
  expression: string;
  /** Events of the sample that have it. */
  count: number;
}

/** The paths of a sample, the most frequent first. */
export function payloadPaths(events: LogEvent[]): PayloadPath[] {
  const counts = new Map<string, number>();
  for (const { payload } of events) {
    for (const expression of expressions(payload)) counts.set(expression, (counts.get(expression) ?? 0) + 1);
  }
  return [...counts]
    .map(([expression, count]) => ({ expression, count }))
    .sort((left, right) => right.count - left.count || (left.expression < right.expression ? -1 : 1))
    .slice(0, PATHS_MAX);
}

function expressions(payload: Json | undefined): Set<string> {
  const found = new Set<string>();
  const visit = (value: Json, stem: string, depth: number) => {
    if (!isObject(value) || depth === DEPTH_MAX) return;
    for (const [member, inner] of Object.entries(value)) {
      const key = `'${member.replaceAll("'", "''")}'`;
      // `->` keeps JSON, which only what has parts needs; `->>` gives text to compare and to show.
      const isWhole = inner !== null && typeof inner === "object";
      found.add(`${stem}${isWhole ? "->" : "->>"}${key}`);
      visit(inner, `${stem}->${key}`, depth + 1);
    }
  };
  if (payload !== undefined) visit(payload, "payload", 0);
  return found;
}

function isObject(value: Json): value is { [member: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
