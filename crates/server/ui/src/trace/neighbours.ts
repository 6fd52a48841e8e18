/** The runs before and after a trace: of the same sync, else of the same workflow, else of the same user's kind of event. */
import { events, type Query } from "../api/events";
import type { Json, LogEvent } from "../api/types";

export interface Neighbours {
  /** What they are runs of, in words. */
  of: string;
  previous: string | null;
  next: string | null;
}

/** Enough to find an event of another trace among those of this one and of traces that overlap it. */
const LOOKED_AT = "100";

interface Subject {
  of: string;
  query: Query;
}

export async function neighbours(trace: LogEvent[], signal: AbortSignal): Promise<Neighbours | null> {
  const subject = subjectOf(trace);
  const first = trace[0];
  if (!subject || !first?.traceId) return null;
  const id = first.traceId;
  const near = async (query: Query) => {
    const page = await events([...subject.query, ...query, ["limit", LOOKED_AT]], signal);
    return page.events.find((event) => event.traceId && event.traceId !== id)?.traceId ?? null;
  };
  const [previous, next] = await Promise.all([
    near([["until", first.timestamp]]),
    near([
      ["since", first.timestamp],
      ["order", "oldest"],
    ]),
  ]);
  return { of: subject.of, previous, next };
}

function subjectOf(trace: LogEvent[]): Subject | null {
  const project: Query = trace[0] ? [["project", trace[0].projectId]] : [];
  for (const event of trace) {
    const sync = member(event.payload, "syncId");
    if (sync) return { of: "this sync", query: [...project, ["type", "managed_sync"], ["q", `"${sync}"`]] };
  }
  const workflow = trace.find((event) => event.workflowId)?.workflowId;
  if (workflow) return { of: "this workflow", query: [...project, ["workflow", workflow]] };
  const { type, endUserId } = trace[0] ?? {};
  if (!type || !endUserId) return null;
  return { of: `${type} of this user`, query: [...project, ["type", type], ["user", endUserId]] };
}

function member(value: Json | undefined, name: string): string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "";
  const found = value?.[name];
  return typeof found === "string" && !found.includes('"') ? found : "";
}
