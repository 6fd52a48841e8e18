/**
 * {@link chartOf}: what can be drawn of an answer. Pure.
 *
 * One column is the place along the bottom: a time, else a text, else an integer beside other numbers. The other numbers are
 * series; with one number and one more text, each value of that text is a series.
 */
import type { Json, Row, SqlAnswer } from "../api/types";
import { type Column, isInteger, kindOf, timeMs } from "./answer";

export const SERIES_MAX = 8;
export const CATEGORIES_MAX = 60;
/** More bars than this are better seen as a line. */
const BARS_MAX = 60;

export interface Series {
  name: string;
  values: (number | null)[];
}

export interface Chart {
  shape: "bars" | "line";
  /** What stands along the bottom. */
  axis: "time" | "date" | "number" | "category";
  xName: string;
  /** Seconds since 1970, numbers, or the places of `categories`; never descending. */
  x: number[];
  categories: string[];
  series: Series[];
  /** Points that are not drawn. */
  leftOut: number;
}

interface Point {
  x: number;
  row: Row;
}

/** The chart of an answer, or nothing where it has no such columns. */
export function chartOf({ columns, rows }: Pick<SqlAnswer, "columns" | "rows">): Chart | undefined {
  const across = bottom(columns);
  if (!across || rows.length === 0) return undefined;
  const numbers = columns.filter((column) => column !== across && kindOf(column.type) === "number").slice(0, SERIES_MAX);
  if (numbers.length === 0) return undefined;
  const axis = axisOf(across);
  const categories: string[] = [];
  const points = axis === "category" ? placed(rows, across, categories) : sorted(rows, across, axis);
  const kept = axis === "category" ? points.filter(({ x }) => x < CATEGORIES_MAX) : points;
  const group = columns.find((column) => column !== across && kindOf(column.type) === "text");
  const first = numbers[0];
  const isGrouped = numbers.length === 1 && group !== undefined && first !== undefined;
  const { x, series } = isGrouped ? grouped(kept, group, first) : plain(kept, numbers);
  if (x.length === 0) return undefined;
  const isBars = axis === "category" || (series.length === 1 && x.length <= BARS_MAX);
  return {
    shape: isBars ? "bars" : "line",
    axis,
    xName: across.name,
    x,
    categories: categories.slice(0, CATEGORIES_MAX),
    series,
    leftOut: rows.length - kept.length,
  };
}

function bottom(columns: Column[]): Column | undefined {
  const of = (...kinds: string[]) => columns.find(({ type }) => kinds.includes(kindOf(type)));
  return of("time", "date") ?? of("text", "boolean") ?? columns.find(({ type }) => isInteger(type));
}

function axisOf({ type }: Column): Chart["axis"] {
  const kind = kindOf(type);
  return kind === "time" || kind === "date" || kind === "number" ? kind : "category";
}

/** Rows by the place of their text among the texts, in the order in which the answer has them. */
function placed(rows: Row[], { name }: Column, categories: string[]): Point[] {
  const places = new Map<string, number>();
  return rows.map((row) => {
    const text = label(row[name]);
    let x = places.get(text);
    if (x === undefined) {
      x = categories.push(text) - 1;
      places.set(text, x);
    }
    return { x, row };
  });
}

function sorted(rows: Row[], { name }: Column, axis: Chart["axis"]): Point[] {
  const place = (value: Json | undefined) => (axis === "number" ? (number(value) ?? Number.NaN) : timeMs(value) / 1_000);
  const points = rows.map((row) => ({ x: place(row[name]), row })).filter(({ x }) => !Number.isNaN(x));
  return points.sort((left, right) => left.x - right.x);
}

function plain(points: Point[], numbers: Column[]): Pick<Chart, "x" | "series"> {
  const ordered = [...points].sort((left, right) => left.x - right.x);
  return {
    x: ordered.map(({ x }) => x),
    series: numbers.map(({ name }) => ({ name, values: ordered.map(({ row }) => number(row[name])) })),
  };
}

function grouped(points: Point[], group: Column, value: Column): Pick<Chart, "x" | "series"> {
  const x = [...new Set(points.map((point) => point.x))].sort((left, right) => left - right);
  const at = new Map(x.map((place, index) => [place, index]));
  const sums = new Map<string, number>();
  for (const { row } of points) {
    const name = label(row[group.name]);
    sums.set(name, (sums.get(name) ?? 0) + (number(row[value.name]) ?? 0));
  }
  const names = [...sums].sort((left, right) => right[1] - left[1]).map(([name]) => name);
  const own = names.length > SERIES_MAX ? names.slice(0, SERIES_MAX - 1) : names;
  const series = new Map(own.map((name) => [name, { name, values: x.map((): number | null => null) }]));
  const rest: Series = { name: `${names.length - own.length} others`, values: x.map(() => null) };
  for (const point of points) {
    const { values } = series.get(label(point.row[group.name])) ?? rest;
    const index = at.get(point.x) ?? 0;
    const more = number(point.row[value.name]);
    if (more !== null) values[index] = (values[index] ?? 0) + more;
  }
  return { x, series: own.length < names.length ? [...series.values(), rest] : [...series.values()] };
}

function label(value: Json | undefined): string {
  if (value === null || value === undefined) return "null";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function number(value: Json | undefined): number | null {
  if (value === null || value === undefined || value === "") return null;
  const found = Number(value);
  return Number.isFinite(found) ? found : null;
}

/** The same for those who do not see it: how many points, and of each series the least and the most. */
export function inWords(chart: Chart): string {
  const what = chart.shape === "bars" ? "Bar chart" : "Line chart";
  const series = chart.series.map(({ name, values }) => {
    const found = values.filter((value) => value !== null);
    if (found.length === 0) return `${name}: no values`;
    const [least, most] = found.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    return `${name}: from ${least} to ${most}`;
  });
  return `${what} by ${chart.xName}, ${new Set(chart.x).size} points. ${series.join("; ")}.`;
}
