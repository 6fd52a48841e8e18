/** {@link Sums}: what the table `files` says about the store, by project and day. Pure. */
import type { Json, Row } from "../api/types";

/** Files up to this size are what compaction merges (half of the size that it aims at). */
export const SMALL_BYTES = 64 << 20;
/** A project-day with more small files than this is worth a compaction. */
export const SMALL_FILES_MAX = 4;

export interface Cell {
  project: string;
  /** `2026-05-31`, UTC. */
  day: string;
  files: number;
  bytes: number;
  events: number;
  smallFiles: number;
  smallBytes: number;
}

export interface Sums {
  cells: Cell[];
  /** The largest first, by bytes. */
  projects: string[];
  /** The days that have files, the oldest first. */
  days: string[];
  files: number;
  bytes: number;
  events: number;
}

/** Sums by project and day. `where` is a condition, or empty. */
export function sumsSql(where: string): string {
  return `select project_id, day, count(*) as files, sum(bytes) as bytes, sum(rows) as events,
  count(*) filter (where bytes <= ${SMALL_BYTES}) as small_files,
  sum(bytes) filter (where bytes <= ${SMALL_BYTES}) as small_bytes
from files${where && `\nwhere ${where}`}
group by project_id, day
order by project_id, day`;
}

export function sumsOf(rows: Row[]): Sums {
  const cells = rows.map(
    (row): Cell => ({
      project: String(row.project_id),
      day: String(row.day),
      files: number(row.files),
      bytes: number(row.bytes),
      events: number(row.events),
      smallFiles: number(row.small_files),
      smallBytes: number(row.small_bytes),
    }),
  );
  const sizes = new Map<string, number>();
  for (const { project, bytes } of cells) sizes.set(project, (sizes.get(project) ?? 0) + bytes);
  const total = (of: (cell: Cell) => number) => cells.reduce((sum, cell) => sum + of(cell), 0);
  return {
    cells,
    projects: [...sizes].sort((left, right) => right[1] - left[1]).map(([project]) => project),
    days: [...new Set(cells.map(({ day }) => day))].sort(),
    files: total(({ files }) => files),
    bytes: total(({ bytes }) => bytes),
    events: total(({ events }) => events),
  };
}

/** Every day from the first to the last, those without files too; at most the latest `most`. */
export function calendar(days: string[], most: number): string[] {
  const first = days[0];
  const last = days.at(-1);
  if (!first || !last) return [];
  const found: string[] = [];
  const firstMs = Date.parse(first);
  for (let ms = Date.parse(last); ms >= firstMs && found.length < most; ms -= 86_400_000) {
    found.push(new Date(ms).toISOString().slice(0, 10));
  }
  return found.reverse();
}

/** How dark a cell is, 0 for nothing to {@link SHADES}: by orders of magnitude, for days differ by that much. */
export const SHADES = 5;

export function shade(value: number, most: number): number {
  if (value <= 0 || most <= 0) return 0;
  return Math.max(1, Math.min(SHADES, Math.ceil((SHADES * Math.log1p(value)) / Math.log1p(most))));
}

export interface Compaction {
  /** The project-days, those with the most small files first. */
  cells: Cell[];
  files: number;
  bytes: number;
}

/** What a compaction would take. */
export function compaction({ cells }: Sums): Compaction {
  const due = cells.filter(({ smallFiles }) => smallFiles > SMALL_FILES_MAX);
  due.sort((left, right) => right.smallFiles - left.smallFiles);
  return {
    cells: due,
    files: due.reduce((sum, { smallFiles }) => sum + smallFiles, 0),
    bytes: due.reduce((sum, { smallBytes }) => sum + smallBytes, 0),
  };
}

/** Upper bounds of the classes of file sizes; the last class has none. */
export const SIZE_CLASSES = [64 << 10, 1 << 20, 8 << 20, 64 << 20, 128 << 20];

/** Files by class of size. */
export function sizesSql(where: string): string {
  const cases = SIZE_CLASSES.map((bound, at) => `when bytes <= ${bound} then ${at}`).join(" ");
  return `select case ${cases} else ${SIZE_CLASSES.length} end as class, count(*) as files, sum(bytes) as bytes, max(bytes) as largest
from files${where && `\nwhere ${where}`}
group by 1
order by 1`;
}

export interface SizeClass {
  files: number;
  bytes: number;
}

/** All classes, those without files too. */
export function sizesOf(rows: Row[]): SizeClass[] {
  const classes = Array.from({ length: SIZE_CLASSES.length + 1 }, () => ({ files: 0, bytes: 0 }));
  for (const row of rows) {
    const found = classes[number(row.class)];
    if (!found) continue;
    found.files += number(row.files);
    found.bytes += number(row.bytes);
  }
  return classes;
}

/** Sums of integers may come as text; null is a sum over nothing. */
function number(value: Json | undefined): number {
  const found = Number(value ?? 0);
  return Number.isFinite(found) ? found : 0;
}
