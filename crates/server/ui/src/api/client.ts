/**
 * The one door to the server: adds the token, turns every refusal into a {@link Problem}, and stops what is no longer wanted.
 */
import { signal } from "@preact/signals";

const TOKEN = "annals.token";

/** Kept for this tab alone: another tab asks again, and closing the tab forgets it. */
const token = signal(sessionStorage.getItem(TOKEN) ?? "");

/** Whether the server wants a token that it was not given (or not the right one). */
export const isLocked = signal(false);

export function unlock(given: string): void {
  token.value = given.trim();
  sessionStorage.setItem(TOKEN, token.value);
  isLocked.value = false;
}

/** An answer that is not the one asked for: what is wrong and what to do, in the server's words. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** Whether an error is only that nobody waits for the answer any more. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** What an error says, for people. */
export function problemText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Sends a request. Rejects with a {@link Problem} unless the server answers 2xx. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token.value) headers.set("authorization", `Bearer ${token.value}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem(0, "No answer", "The server does not answer. Is annals serve still running?");
  }
  if (response.ok) return response;
  if (response.status === 401) isLocked.value = true;
  throw await problem(response);
}

/** The JSON that a path answers. */
export async function json<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await request(path, init);
  return (await response.json()) as T;
}

async function problem(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const told = JSON.parse(text) as { title?: string; detail?: string };
    return new Problem(response.status, told.title ?? response.statusText, told.detail ?? text);
  } catch {
    return new Problem(response.status, response.statusText, text || `The server answered ${response.status}.`);
  }
}
