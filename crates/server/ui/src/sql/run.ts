/** {@link useRun}: one statement at a time, from its start to an answer, an error or a stop. */
import { useEffect, useRef, useState } from "preact/hooks";
import { isAborted, Problem, request } from "../api/client";
import type { SqlAnswer } from "../api/types";
import { bytes } from "../format/numbers";

/** A page that holds more than this stops being one to work with; files are there for the rest. */
const ANSWER_BYTES_MAX = 64 << 20;

export interface Run {
  sql: string;
  startedMs: number;
  /** Absent while it runs. */
  tookMs?: number;
  answer?: SqlAnswer;
  error?: unknown;
  /** Whether the person ended it. */
  isStopped?: boolean;
}

export interface Runner {
  run?: Run;
  isRunning: boolean;
  /** Runs a statement in place of the one that runs. */
  start(sql: string): void;
  stop(): void;
}

export function useRun(): Runner {
  const [run, setRun] = useState<Run>();
  const stopper = useRef<AbortController>(undefined);
  useEffect(() => () => stopper.current?.abort(), []);

  const start = (sql: string) => {
    stopper.current?.abort();
    const stop = new AbortController();
    stopper.current = stop;
    const startedMs = Date.now();
    setRun({ sql, startedMs });
    const end = (outcome: Partial<Run>) => {
      // Another statement, or another view, took its place.
      if (stopper.current === stop) setRun({ sql, startedMs, tookMs: Date.now() - startedMs, ...outcome });
    };
    ask(sql, stop.signal).then(
      (answer) => end({ answer }),
      (error: unknown) => end(isAborted(error) ? { isStopped: true } : { error }),
    );
  };
  return { run, isRunning: run !== undefined && run.tookMs === undefined, start, stop: () => stopper.current?.abort() };
}

/** The answer, unless it is larger than a page can hold. Ending the request ends the statement on the server too. */
async function ask(sql: string, signal: AbortSignal): Promise<SqlAnswer> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const headers = { "content-type": "text/plain", accept: "application/json" };
  const response = await request("/v1/sql", { method: "POST", headers, body: sql, signal: both });
  const reader = response.body?.getReader();
  if (!reader) return (await response.json()) as SqlAnswer;
  const decoder = new TextDecoder();
  let text = "";
  let received = 0;
  for (;;) {
    const { done, value } = await read(reader);
    if (done) return JSON.parse(text + decoder.decode()) as SqlAnswer;
    received += value.length;
    if (received > ANSWER_BYTES_MAX) {
      stop.abort();
      const limit = bytes(ANSWER_BYTES_MAX);
      throw new Problem(0, "Too much to show", `The answer is larger than ${limit}: add a limit, or export it as a file.`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** An answer that breaks off in the middle failed on the server, which has no other way to say so by then. */
async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem(0, "The answer broke off", "The statement failed while its rows were sent: narrow it, and try again.");
  }
}
