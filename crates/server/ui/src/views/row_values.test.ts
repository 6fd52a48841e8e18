import { expect, test } from "vitest";
import { countOf, numberOf, spoken, textOf } from "./row_values";

test("what is absent is empty, and no number", () => {
  const row = { none: null, text: "12", number: 3.5, object: { a: 1 }, words: "a few" };
  expect([textOf(row, "none"), textOf(row, "missing"), textOf(row, "object")]).toEqual(["", "", '{"a":1}']);
  expect([numberOf(row, "text"), numberOf(row, "number"), numberOf(row, "words")]).toEqual([12, 3.5, undefined]);
  expect([numberOf(row, "none"), countOf(row, "none")]).toEqual([undefined, 0]);
});

test("names become words", () => {
  expect(spoken("INCREMENTAL_SYNC_COMPLETED")).toBe("Incremental sync completed");
  expect(spoken("")).toBe("");
});
