import { expect, test } from "vitest";
import type { Row } from "../api/types";
import { CATEGORIES_MAX, chartOf, inWords, SERIES_MAX } from "./chart";

const day = { name: "day", type: "Date32" };
const level = { name: "level", type: "Utf8View" };
const n = { name: "n", type: "Int64" };
const ms = { name: "ms", type: "Float64" };

test("a time and numbers: series by column, sorted by time", () => {
  const rows: Row[] = [
    { day: "1970-01-02", n: 2, ms: 0.5 },
    { day: "1970-01-01", n: 1 },
  ];
  const chart = chartOf({ columns: [n, day, ms], rows });
  expect(chart).toMatchObject({ axis: "date", shape: "line", xName: "day", x: [0, 86_400] });
  expect(chart?.series).toEqual([
    { name: "n", values: [1, 2] },
    { name: "ms", values: [null, 0.5] },
  ]);
});

test("a time, a text and one number: a series by text", () => {
  const rows = [
    { day: "1970-01-01", level: "INFO", n: 5 },
    { day: "1970-01-01", level: "ERROR", n: 1 },
    { day: "1970-01-02", level: "INFO", n: 7 },
  ];
  const chart = chartOf({ columns: [day, level, n], rows });
  expect(chart?.x).toEqual([0, 86_400]);
  expect(chart?.series).toEqual([
    { name: "INFO", values: [5, 7] },
    { name: "ERROR", values: [1, null] },
  ]);
});

test("a text and a number: bars, the first of many", () => {
  const rows = Array.from({ length: CATEGORIES_MAX + 3 }, (_, at) => ({ level: `l${at}`, n: at }));
  const chart = chartOf({ columns: [level, n], rows });
  expect(chart).toMatchObject({ axis: "category", shape: "bars", leftOut: 3 });
  expect(chart?.categories).toHaveLength(CATEGORIES_MAX);
  expect(chart?.x).toHaveLength(CATEGORIES_MAX);
});

test("many groups: the least become one", () => {
  const rows = Array.from({ length: 12 }, (_, at) => ({ day: "1970-01-01", level: `l${at}`, n: 12 - at }));
  const chart = chartOf({ columns: [day, level, n], rows });
  expect(chart?.series).toHaveLength(SERIES_MAX);
  expect(chart?.series.at(-1)).toEqual({ name: "5 others", values: [5 + 4 + 3 + 2 + 1] });
});

test("an integer beside a number, or nothing", () => {
  expect(chartOf({ columns: [n, ms], rows: [{ n: 2, ms: 1 }] })).toMatchObject({ axis: "number", shape: "bars", x: [2] });
  expect(chartOf({ columns: [n], rows: [{ n: 1 }] })).toBeUndefined();
  expect(chartOf({ columns: [level], rows: [{ level: "a" }] })).toBeUndefined();
  expect(chartOf({ columns: [level, n], rows: [] })).toBeUndefined();
  expect(chartOf({ columns: [day, n], rows: [{ n: 1 }] })).toBeUndefined();
});

test("words for those who do not see it", () => {
  const chart = chartOf({ columns: [level, n], rows: [{ level: "a", n: 3 }, { level: "b", n: 9 }] });
  expect(chart && inWords(chart)).toBe("Bar chart by level, 2 points. n: from 3 to 9.");
});
