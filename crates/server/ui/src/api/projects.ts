/** The projects there are, largest first. */
import { facets } from "./events";
import { runSql } from "./sql";
import type { FacetValue } from "./types";

const PROJECTS_MAX = 1_000;

/**
 * Counted over the list of data files, which costs nothing, and over the last hour for projects that are so new that all their
 * events are in memory: those have no count.
 */
export async function projectList(signal?: AbortSignal): Promise<FacetValue[]> {
  const statement = `select project_id as value, sum(rows) as count from files group by 1 order by 2 desc limit ${PROJECTS_MAX}`;
  const [stored, recent] = await Promise.all([
    runSql(statement, signal),
    facets([["since", "1h"]], ["project"], PROJECTS_MAX, signal),
  ]);
  const counted = stored.rows.map(({ value, count }) => ({ value: String(value), count: Number(count) }));
  const known = new Set(counted.map(({ value }) => value));
  const added = (recent.facets.project ?? []).filter(({ value }) => !known.has(value));
  return [...counted, ...added.map(({ value }) => ({ value, count: 0 }))];
}
