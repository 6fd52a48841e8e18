/**
 * {@link Timeline}: the events of a trace as bars and points in lanes, with its gaps and retries. Pure.
 *
 * A bar is what lies between a start and the end or failure of the same type and subject; every other event is a point. A start
 * whose end is missing is an open bar up to the last event.
 */
import type { LogEvent } from "../api/types";
import type { Catalogue, Meaning } from "./catalogue";

export type LaneBy = "type" | "integration";

export interface Bar {
  name: string;
  startMs: number;
  endMs: number;
  /** Indexes of its events, the first and the last. */
  first: number;
  last: number;
  isFailed: boolean;
  isOpen: boolean;
}

export interface Point {
  event: number;
  atMs: number;
  isFailed: boolean;
  /** The try again that it announces or is. */
  isRetry: boolean;
}

export interface Lane {
  name: string;
  bars: Bar[];
  points: Point[];
}

export interface Gap {
  /** Index of the event after it. */
  before: number;
  ms: number;
}

export interface Timeline {
  startMs: number;
  endMs: number;
  lanes: Lane[];
  gaps: Gap[];
  retries: number;
  /** The first failure, by index. */
  failure: number | null;
  meanings: Meaning[];
}

/** A pause is a gap when it is this long and this share of the whole. */
const GAP_MS = 500;
const GAP_SHARE = 0.15;
const RETRY = /\bbacking off\b|\bretr(y|ied|ying)\b|\battempt [2-9]/i;

export function timeline(events: LogEvent[], catalogue: Catalogue, by: LaneBy): Timeline {
  const times = events.map((event) => Date.parse(event.timestamp));
  const startMs = times[0] ?? 0;
  const endMs = times.at(-1) ?? startMs;
  const meanings = events.map((event) => catalogue.meaning(event.type, event.message ?? "", event.level));
  const lanes = new Map<string, Lane>();
  const open = new Map<string, Bar>();
  const failedKeys = new Set<string>();
  let retries = 0;
  let failure: number | null = null;
  events.forEach((event, index) => {
    const { role, subject } = meanings[index] as Meaning;
    const atMs = times[index] as number;
    const lane = laneOf(lanes, by === "type" ? event.type : (event.integrationId ?? "no integration"));
    const key = `${lane.name}\n${event.type}\n${subject}`;
    const isFailed = role === "failure" || event.level === "ERROR";
    if (isFailed) failure ??= index;
    if (role === "start") {
      const isRetry = failedKeys.has(key);
      if (isRetry) retries += 1;
      const name = `${subject || lasting(event)}${isRetry ? " (again)" : ""}`;
      const bar: Bar = { name, startMs: atMs, endMs, first: index, last: index, isFailed: false, isOpen: true };
      lane.bars.push(bar);
      open.set(key, bar);
      return;
    }
    const bar = open.get(key);
    if (bar && (role === "end" || role === "failure")) {
      Object.assign(bar, { endMs: atMs, last: index, isFailed, isOpen: false });
      open.delete(key);
      if (isFailed) failedKeys.add(key);
      return;
    }
    const isRetry = RETRY.test(event.message ?? "");
    if (isRetry) retries += 1;
    lane.points.push({ event: index, atMs, isFailed, isRetry });
  });
  return { startMs, endMs, lanes: [...lanes.values()], gaps: gapsOf(times, endMs - startMs), retries, failure, meanings };
}

/** What a start is the start of. */
function lasting({ message, type }: LogEvent): string {
  return message?.replace(/ started$/i, "") || type;
}

function laneOf(lanes: Map<string, Lane>, name: string): Lane {
  let lane = lanes.get(name);
  if (!lane) {
    lane = { name, bars: [], points: [] };
    lanes.set(name, lane);
  }
  return lane;
}

function gapsOf(times: number[], wholeMs: number): Gap[] {
  const gaps: Gap[] = [];
  for (let index = 1; index < times.length; index++) {
    const ms = (times[index] as number) - (times[index - 1] as number);
    if (ms >= GAP_MS && ms >= wholeMs * GAP_SHARE) gaps.push({ before: index, ms });
  }
  return gaps;
}
