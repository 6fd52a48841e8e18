import { expect, test } from "vitest";
import { sorted, type Sorting, toggledSorting } from "./sorting";

test("a header is turned over, then given up", () => {
  const orders: (Sorting | undefined)[] = [];
  let order: Sorting | undefined;
  for (let click = 0; click < 3; click++) {
    order = toggledSorting(order, "Errors", true);
    orders.push(order);
  }
  expect(orders).toEqual([{ name: "Errors", isDescending: true }, { name: "Errors", isDescending: false }, undefined]);
  expect(toggledSorting({ name: "Errors", isDescending: true }, "User", false)).toEqual({ name: "User", isDescending: false });
});

test("rows without a value are last either way, equal rows stay as they were", () => {
  const rows = [{ at: 1, n: 2 }, { at: 2 }, { at: 3, n: 10 }, { at: 4, n: 2 }];
  const order = (isDescending: boolean) => sorted(rows, (row) => row.n, { name: "n", isDescending }).map((row) => row.at);
  expect(order(false)).toEqual([1, 4, 3, 2]);
  expect(order(true)).toEqual([3, 1, 4, 2]);
});
