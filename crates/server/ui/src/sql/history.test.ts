import { expect, test } from "vitest";
import { parsed, remembered } from "./history";

test("a statement that was there moves up, the oldest leave", () => {
  expect(remembered(["a", "b"], " b ")).toEqual(["b", "a"]);
  expect(remembered(["a"], "  ")).toEqual(["a"]);
  const many = Array.from({ length: 50 }, (_, n) => `select ${n}`);
  const more = remembered(many, "new");
  expect(more).toHaveLength(50);
  expect(more[0]).toBe("new");
});

test("what is no list of texts is none", () => {
  expect(parsed(null)).toEqual([]);
  expect(parsed("{")).toEqual([]);
  expect(parsed('{"a":1}')).toEqual([]);
  expect(parsed('["a",1]')).toEqual(["a"]);
});
