import { expect, test } from "vitest";
import type { LogEvent } from "../api/types";
import { LIVE_ROWS_MAX, PAGE_ROWS, PAGES_KEPT_MAX, RowWindow } from "./row_window";

function rows(from: number, count: number): LogEvent[] {
  return Array.from({ length: count }, (_, i) => ({ id: String(from + i), timestamp: "", level: "INFO", type: "t", projectId: "p" }));
}

function idAt(window: RowWindow, index: number): string | undefined {
  const found = window.at(index);
  return found && "row" in found ? found.row.id : undefined;
}

test("pages far from what is seen are forgotten and come back in their place", () => {
  const window = new RowWindow();
  const pages = PAGES_KEPT_MAX + 10;
  for (let page = 0; page < pages; page++) {
    const start = page * PAGE_ROWS;
    window.append(page === 0 ? null : `c${page}`, rows(start, PAGE_ROWS), `c${page + 1}`, start);
  }
  expect(window.count).toBe(pages * PAGE_ROWS);
  const last = window.count - 1;
  expect(idAt(window, last)).toBe(String(last));
  expect(window.at(0)).toEqual({ missing: 0 });
  expect(window.afterOf(0)).toBeNull();
  expect(window.afterOf(3)).toBe("c3");
  window.refill(3, rows(3 * PAGE_ROWS, PAGE_ROWS), 3 * PAGE_ROWS);
  expect(idAt(window, 3 * PAGE_ROWS + 5)).toBe(String(3 * PAGE_ROWS + 5));
});

test("a page that comes back with other rows moves no other page", () => {
  const window = new RowWindow();
  window.append(null, rows(0, 3), "c", 0);
  window.append("c", rows(3, 3), null, 0);
  window.refill(0, rows(100, 5), 0);
  expect(idAt(window, 3)).toBe("3");
  window.refill(0, rows(0, 2), 0);
  expect(window.at(2)).toBeNull();
  expect(window.isComplete).toBe(true);
});

test("events of the tail stand in front, newest first", () => {
  const window = new RowWindow();
  window.append(null, rows(0, 2), null, 0);
  window.prepend(rows(10, 3), false);
  expect([0, 1, 2, 3, 4].map((index) => idAt(window, index))).toEqual(["12", "11", "10", "0", "1"]);
});

test("the tail is bounded, and the list ends with it then", () => {
  const window = new RowWindow();
  window.append(null, rows(0, 2), "c", 0);
  for (let turn = 0; turn < 8; turn++) window.prepend(rows(turn * 1_000, 1_000), false);
  expect(window.count).toBe(LIVE_ROWS_MAX);
  expect(idAt(window, 0)).toBe("7999");
  expect(window.isComplete).toBe(true);
});

test("where events of the tail were dropped nothing older stays, as if it joined on", () => {
  const window = new RowWindow();
  window.append(null, rows(0, 2), "c", 0);
  window.prepend(rows(5, 1), false);
  window.prepend(rows(10, 2), true);
  expect([0, 1].map((index) => idAt(window, index))).toEqual(["11", "10"]);
  expect([window.count, window.isCut, window.isComplete]).toEqual([2, true, true]);
});
