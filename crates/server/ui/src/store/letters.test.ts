import { expect, test } from "vitest";
import type { Json, LogEvent } from "../api/types";
import { bodies, letterOf, lineOf, NO_OUTCOME, outcomeText, receiptIn, withReceipt } from "./letters";

function event(payload: Json, error: Json, projectId = "acme"): LogEvent {
  return { id: `of ${String(payload)}`, timestamp: "2026-05-31T12:00:00Z", level: "ERROR", type: "dead_letter", projectId, payload, error };
}

test("a letter's parts come from the event about it", () => {
  const letter = letterOf(event('{"a":"ü"}', { source: "http", index: 3, line: 4, bytes: 10, truncated: false, encoding: "utf-8" }));
  expect(letter).toMatchObject({ project: "acme", source: "http", index: 3, line: 4, bytes: 10, text: '{"a":"ü"}' });
  expect(letter.flaw).toBeUndefined();
});

test("what is not the record whole has a flaw", () => {
  expect(letterOf(event("ab", { bytes: 9, truncated: true })).flaw).toContain("beginning");
  expect(letterOf(event("ff00", { bytes: 2, encoding: "hex" })).flaw).toContain("hex");
  expect(letterOf(event("ff00", { bytes: 2 })).flaw).toContain("whole");
  expect(letterOf(event(" ", {})).flaw).toContain("not kept");
});

test("bodies are by project; the unassigned have none; flawed letters stay", () => {
  const letters = [event("1", {}), event("2", {}, "annals.unassigned"), event("3", {}), event("", {})].map(letterOf);
  const found = bodies(letters);
  expect(found.map(({ project, letters: inside }) => [project, inside.map(({ text }) => text)])).toEqual([
    ["acme", ["1", "3"]],
    [undefined, ["2"]],
  ]);
});

test("a body has a bound", () => {
  const letters = [1, 2, 3].map((n) => letterOf(event(`${n}${"x".repeat(3 << 20)}`, {})));
  expect(bodies(letters)).toHaveLength(3);
});

test("a record is one line", () => {
  expect(lineOf('{\r\n  "a": 1\n}\n')).toBe('{   "a": 1 }');
});

test("receipts become outcomes", () => {
  const letters = [event("1", {}), event("2", {}), event("3", {})].map(letterOf);
  const receipt = { accepted: 1, duplicates: 1, refused: 1, refusals: [{ index: 1, line: 2, reason: "no" }] };
  const outcome = withReceipt({ ...NO_OUTCOME, skipped: 2 }, letters, receipt);
  expect(outcome.reasons).toEqual({ "of 2": "no" });
  expect(outcome.taken).toEqual(["of 1", "of 3"]);
  expect(outcomeText(outcome)).toBe(
    "3 sent again: 1 accepted, 1 known already, 1 refused; 2 not sent, for they were not kept whole or are no text.",
  );
});

test("the receipt of a refusal of all is found in its text", () => {
  expect(receiptIn('{"accepted":0,"duplicates":0,"refused":1,"refusals":[]}')?.refused).toBe(1);
  expect(receiptIn('{"title":"x"}')).toBeUndefined();
  expect(receiptIn("no JSON")).toBeUndefined();
});
