import { expect, test } from "vitest";
import type { Row } from "../api/types";
import { calendar, compaction, shade, SIZE_CLASSES, sizesOf, sizesSql, sumsOf, sumsSql } from "./file_sums";

const rows: Row[] = [
  { project_id: "acme", day: "2026-05-30", files: 2, bytes: 10, events: 5, small_files: 2, small_bytes: 10 },
  { project_id: "beta", day: "2026-05-29", files: 9, bytes: 900, events: "50", small_files: 6, small_bytes: 90 },
  { project_id: "beta", day: "2026-05-31", files: 5, bytes: 100, small_files: 5, small_bytes: 100 },
];

test("sums and their order", () => {
  const sums = sumsOf(rows);
  expect(sums.projects).toEqual(["beta", "acme"]);
  expect(sums.days).toEqual(["2026-05-29", "2026-05-30", "2026-05-31"]);
  expect(sums).toMatchObject({ files: 16, bytes: 1_010, events: 55 });
});

test("compaction takes project-days of many small files", () => {
  const due = compaction(sumsOf(rows));
  expect(due).toMatchObject({ files: 11, bytes: 190 });
  expect(due.cells.map(({ day }) => day)).toEqual(["2026-05-29", "2026-05-31"]);
});

test("a calendar has every day, the latest of many", () => {
  expect(calendar(["2026-02-27", "2026-03-02"], 90)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
  expect(calendar(["2020-01-01", "2026-03-02"], 2)).toEqual(["2026-03-01", "2026-03-02"]);
  expect(calendar([], 9)).toEqual([]);
});

test("shades are of magnitudes", () => {
  expect(shade(0, 100)).toBe(0);
  expect(shade(1, 1e9)).toBe(1);
  expect(shade(1e9, 1e9)).toBe(5);
  expect(shade(1e5, 1e9)).toBe(3);
});

test("classes of sizes", () => {
  const classes = sizesOf([{ class: 0, files: 2, bytes: 8 }, { class: 5, files: 1, bytes: 9 }, { class: 9, files: 1 }]);
  expect(classes).toHaveLength(SIZE_CLASSES.length + 1);
  expect(classes[0]).toEqual({ files: 2, bytes: 8 });
  expect(classes[3]).toEqual({ files: 0, bytes: 0 });
});

test("conditions stand where they belong", () => {
  expect(sumsSql("")).not.toContain("\nwhere");
  expect(sumsSql("project_id = 'a'")).toContain("from files\nwhere project_id = 'a'\ngroup by");
  expect(sizesSql("x")).toContain("\nwhere x\n");
});
