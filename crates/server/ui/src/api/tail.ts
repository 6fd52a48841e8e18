/** Events as they come, over one long answer. Goes on where it was after a lost connection. */
import { isAborted, request } from "./client";
import { type Query, queryText } from "./events";
import { Frames } from "./frames";
import type { LogEvent } from "./types";

const RETRY_MS = 2_000;

export interface TailHandlers {
  /** Everything that came in one piece of the answer, oldest first. */
  onEvents(events: LogEvent[]): void;
  /** Whether the connection stands; with what is wrong when it does not. */
  onState(isConnected: boolean, problem?: unknown): void;
}

/** Follows the log until the signal ends. Never rejects. */
export async function follow(query: Query, handlers: TailHandlers, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  while (!signal.aborted) {
    try {
      const headers: HeadersInit = lastId ? { "last-event-id": lastId } : {};
      const response = await request(`/v1/tail${queryText(query)}`, { headers, signal, cache: "no-store" });
      handlers.onState(true);
      lastId = await read(response, lastId, handlers);
      handlers.onState(false);
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      handlers.onState(false, error);
    }
    await pause(RETRY_MS, signal);
  }
}

async function read(response: Response, lastId: string | undefined, handlers: TailHandlers): Promise<string | undefined> {
  if (!response.body) return lastId;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const frames = new Frames();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return lastId;
    const found: LogEvent[] = [];
    for (const frame of frames.push(value)) {
      if (frame.id) lastId = frame.id;
      if (frame.event === "event") found.push(JSON.parse(frame.data) as LogEvent);
      if (frame.event === "problem") handlers.onState(false, new Error(problemDetail(frame.data)));
    }
    if (found.length > 0) handlers.onEvents(found);
  }
}

function problemDetail(data: string): string {
  try {
    return (JSON.parse(data) as { detail?: string }).detail ?? data;
  } catch {
    return data;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
