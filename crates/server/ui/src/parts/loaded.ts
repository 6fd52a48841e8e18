/** What a view waits for: asked again whenever its key changes, the question before it stopped. */
import { useEffect, useRef, useState } from "preact/hooks";
import { isAborted } from "../api/client";

export interface Loaded<T> {
  /** The last answer; of the question before while `isLoading`. */
  value?: T;
  error?: unknown;
  isLoading: boolean;
  /** Asks again. */
  again(): void;
}

export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "again">>({ isLoading: true });
  const [round, setRound] = useState(0);
  const newest = useRef(load);
  newest.current = load;
  useEffect(() => {
    const stop = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    newest.current(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ value, isLoading: false });
      },
      (error: unknown) => {
        if (!isAborted(error) && !stop.signal.aborted) setState({ error, isLoading: false });
      },
    );
    return () => stop.abort();
  }, [key, round]);
  return { ...state, again: () => setRound((n) => n + 1) };
}
