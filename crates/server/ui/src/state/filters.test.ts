import { expect, test } from "vitest";
import { cleared, countOf, excluded, filterParams, filterQuery, narrowed, readFilters, toggled, without } from "./filters";

const URL = "project=a&level=ERROR&level=WARN&user=u%26v&not=type%3Aactionkit&not=user%3Aa%3Ab&q=rate+limited&until=2026-05-31T00%3A00%3A00Z&since=7d";

test("a URL is read and written alike", () => {
  const read = readFilters(new URLSearchParams(URL));
  expect(readFilters(filterParams(read))).toEqual(read);
  expect(read.not).toEqual([
    { field: "type", value: "actionkit" },
    { field: "user", value: "a:b" },
  ]);
  expect(countOf(read)).toBe(6);
});

test("nothing in the URL is the last day, and rubbish is passed over", () => {
  const plain = readFilters(new URLSearchParams("?since=&level=&not=x&not=payload:y&foo=1"));
  expect(plain).toEqual(readFilters(new URLSearchParams()));
  expect(filterParams(plain).toString()).toBe("");
  expect(filterQuery(plain)).toEqual([["since", "24h"]]);
  expect(filterQuery({ ...plain, since: "all" })).toEqual([]);
});

test("a value is taken, left out and let go", () => {
  const none = readFilters(new URLSearchParams());
  const one = toggled(none, "type", "a");
  expect(one.only).toEqual({ type: ["a"] });
  expect(toggled(one, "type", "a")).toEqual(none);
  expect(excluded(one, "type", "a")).toEqual({ ...none, not: [{ field: "type", value: "a" }] });
  expect(excluded(excluded(none, "type", "a"), "type", "a").not).toHaveLength(1);
  expect(toggled(excluded(none, "type", "a"), "type", "a")).toEqual(one);
  expect(narrowed(toggled(one, "type", "b"), "type", "c").only).toEqual({ type: ["c"] });
  expect(without(one, "type").only).toEqual({});
  expect(countOf(cleared(excluded(one, "user", "u")))).toBe(0);
});
