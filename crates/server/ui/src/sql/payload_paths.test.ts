import { expect, test } from "vitest";
import type { Json, LogEvent } from "../api/types";
import { payloadPaths } from "./payload_paths";

const event = (payload: Json): LogEvent => ({ id: "1", timestamp: "", level: "INFO", type: "t", projectId: "p", payload });

test("paths are counted by event and the most frequent stand first", () => {
  const found = payloadPaths([event({ syncId: "a", response: { statusCode: 200 } }), event({ syncId: null })]);
  expect(found).toEqual([
    { expression: "payload->>'syncId'", count: 2 },
    { expression: "payload->'response'", count: 1 },
    { expression: "payload->'response'->>'statusCode'", count: 1 },
  ]);
});

test("quotes are doubled, arrays are not entered, depth ends at four", () => {
  const found = payloadPaths([event({ "it's": [{ a: 1 }], a: { b: { c: { d: { e: 1 } } } } })]);
  const names = found.map(({ expression }) => expression);
  expect(names).toContain("payload->'it''s'");
  expect(names).toContain("payload->'a'->'b'->'c'->'d'");
  expect(names.some((name) => name.includes("'e'"))).toBe(false);
});

test("payloads that are no objects have no paths", () => {
  expect(payloadPaths([event("text"), event(null), event([1]), event(3)])).toEqual([]);
});
