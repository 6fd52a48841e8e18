import { expect, test } from "vitest";
import type { LogEvent, Level } from "../api/types";
import { Catalogue, type Kind } from "./catalogue";
import { timeline } from "./timeline";

const KINDS: Kind[] = [
  { type: "actionkit", message: "Start {ACTION_NAME}", role: "start" },
  { type: "actionkit", message: "Completed {ACTION_NAME}", role: "end" },
  { type: "actionkit", message: "Failed {ACTION_NAME}", role: "failure" },
  { type: "managed_sync", message: "Incremental sync started", role: "start" },
  { type: "managed_sync", message: "Sync error: {message}", role: "failure" },
  { type: "managed_sync", message: "Sync error: Authentication Failed", role: "failure" },
  { type: "managed_sync", message: "Sync rate limited, backing off for {seconds} seconds…", role: "step" },
];

function events(...told: [number, string, string, Level?, string?][]): LogEvent[] {
  return told.map(([ms, type, message, level = "INFO", integrationId], index) => ({
    id: String(index),
    timestamp: new Date(ms).toISOString(),
    level,
    type,
    message,
    projectId: "p",
    integrationId,
  }));
}

test("a start and its end of the same subject are a bar, and a failed one that starts again is a retry", () => {
  const told = events(
    [0, "actionkit", "Start SEND"],
    [10, "actionkit", "Start FIND"],
    [40, "actionkit", "Failed SEND", "ERROR"],
    [60, "actionkit", "Completed FIND"],
    [70, "actionkit", "Start SEND"],
    [90, "actionkit", "Completed SEND"],
  );
  const { lanes, failure, retries } = timeline(told, new Catalogue(KINDS), "type");
  const bars = lanes[0]?.bars.map(({ name, startMs, endMs, isFailed }) => [name, startMs, endMs, isFailed]);
  expect(bars).toEqual([
    ["SEND", 0, 40, true],
    ["FIND", 10, 60, false],
    ["SEND (again)", 70, 90, false],
  ]);
  expect([failure, retries]).toEqual([2, 1]);
});

test("a start without an end stays open to the last event, and an error that ends nothing is a failed point", () => {
  const told = events(
    [0, "managed_sync", "Incremental sync started"],
    [50, "workflow_task", "Task x failed", "ERROR"],
    [100, "custom", "bye"],
  );
  const { lanes } = timeline(told, new Catalogue(KINDS), "type");
  expect(lanes[0]?.bars[0]).toMatchObject({ endMs: 100, isOpen: true });
  expect(lanes[1]?.points[0]).toMatchObject({ isFailed: true });
});

test("long pauses are gaps and back-offs are retries", () => {
  const told = events(
    [0, "managed_sync", "Incremental sync started"],
    [1_000, "managed_sync", "Sync rate limited, backing off for 30 seconds…", "WARN"],
    [31_000, "managed_sync", "Sync error: Authentication Failed", "ERROR"],
  );
  const { gaps, retries, lanes } = timeline(told, new Catalogue(KINDS), "integration");
  expect(gaps).toEqual([{ before: 2, ms: 30_000 }]);
  expect(retries).toBe(1);
  expect(lanes.map(({ name }) => name)).toEqual(["no integration"]);
});

test("the most literal kind that fits is meant, and unknown messages are judged by their level", () => {
  const catalogue = new Catalogue(KINDS);
  expect(catalogue.meaning("managed_sync", "Sync error: Authentication Failed", "ERROR")).toEqual({ role: "failure", subject: "" });
  expect(catalogue.meaning("managed_sync", "Sync error: a (b)", "ERROR")).toEqual({ role: "failure", subject: "" });
  expect(catalogue.meaning("other", "x", "ERROR").role).toBe("failure");
  expect(catalogue.meaning("other", "x", "WARN").role).toBe("step");
});
