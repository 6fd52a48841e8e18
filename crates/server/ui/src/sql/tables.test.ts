import { expect, test } from "vitest";
import { namedIn, TABLES, tablesOf } from "./tables";

test("rows become columns by table", () => {
  const rows = [
    { table_name: "files", column_name: "path" },
    { table_name: "files", column_name: "day" },
    { table_name: null, column_name: "x" },
  ];
  expect(tablesOf(rows)).toEqual({ files: ["path", "day"] });
});

test("only whole names count", () => {
  expect(namedIn("SELECT * FROM Traces t", TABLES)).toEqual(["traces"]);
  expect(namedIn("select events_total from x", TABLES)).toEqual(Object.keys(TABLES));
});
