/** Statements that ran here, the latest first, in this browser alone. */
import { signal } from "@preact/signals";

const KEY = "annals.sql";
const KEPT_MAX = 50;
/** Longer ones would crowd out the others: a browser keeps a few MiB for the whole page. */
const LENGTH_MAX = 20_000;

export const statements = signal<string[]>(stored());

export function remember(sql: string): void {
  statements.value = remembered(statements.value, sql);
  keep();
}

export function forgetAll(): void {
  statements.value = [];
  keep();
}

/** A list with one more statement; one that was there moves up. Pure. */
export function remembered(list: string[], sql: string): string[] {
  const text = sql.trim();
  if (!text || text.length > LENGTH_MAX) return list;
  return [text, ...list.filter((other) => other !== text)].slice(0, KEPT_MAX);
}

/** What was kept, whatever it may be by now. Pure. */
export function parsed(text: string | null): string[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? found.filter((item) => typeof item === "string").slice(0, KEPT_MAX) : [];
  } catch {
    return [];
  }
}

function stored(): string[] {
  try {
    return parsed(localStorage.getItem(KEY));
  } catch {
    // A browser may allow no storage.
    return [];
  }
}

function keep(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(statements.value));
  } catch {
    // It stays until the page is closed.
  }
}
