import { expect, test } from "vitest";
import { readFilters } from "../state/filters";
import { isOneOf, payloadHolds, scopeOf, where } from "./scope";

// The door to the server wants a browser; no statement goes through it here.

function scope(query: string) {
  return scopeOf(readFilters(new URLSearchParams(query)));
}

test("type, time and project come before all else", () => {
  expect(where(["a"], scope("project=acme&user=u1&integration=x&integration=y"), ["b = 1"], "  ")).toBe(
    `where type = 'a'
  and timestamp >= now() - interval '24 hours'
  and project_id = 'acme'
  and end_user_id = 'u1'
  and integration_id in ('x', 'y')
  and b = 1`,
  );
});

test("all time has no bound, and a time stands as it is", () => {
  expect(where(["a"], scope("since=all"))).toBe("where type = 'a'");
  expect(where(["a", "b"], scope("since=2026-05-31T12:00:00Z"), [], " ")).toBe(
    "where type in ('a', 'b')\n and timestamp >= '2026-05-31T12:00:00Z'",
  );
  expect(where(["a"], scope("since=90s"))).toContain("interval '90 seconds'");
});

test("texts of the address stay texts", () => {
  const evil = "x' or 1=1 --";
  expect(isOneOf("project_id", [evil])).toBe("project_id = 'x'' or 1=1 --'");
  for (const name of ["project", "since", "user", "integration"]) {
    expect(where(["a"], scope(new URLSearchParams([[name, evil]]).toString()))).toContain("'x'' or 1=1 --'");
  }
  // An interval is made of digits and a unit only.
  expect(where(["a"], scope("since=7d'"))).toContain("timestamp >= '7d'''");
});

test("only words that JSON and patterns leave alone are looked for in the payload", () => {
  expect(payloadHolds("3f-a_B")).toEqual(["payload like '%3f-a_B%'"]);
  for (const text of ["", "50%", "a b", 'a"b', "a\\b", "é", "a'b"]) expect(payloadHolds(text)).toEqual([]);
});
