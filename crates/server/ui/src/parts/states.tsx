/** Waiting, nothing there, and failure, in words. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem, problemText } from "../api/client";

/** After this long a wait is worth a word. */
const SLOW_MS = 3_000;

export function Waiting({ what }: { what: string }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="state" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what}…
      {isSlow && <span class="dim"> This takes longer than usual: a shorter time range or more filters would be faster.</span>}
    </p>
  );
}

export function Nothing({ children }: { children: ComponentChildren }) {
  return (
    <div class="state" role="status">
      {children}
    </div>
  );
}

export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  const title = error instanceof Problem && error.title ? `${error.title}. ` : "";
  return (
    <div class="state failed" role="alert">
      <strong>{title}</strong>
      {problemText(error)}{" "}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}
