/**
 * {@link Scope}: which events a feature view is about, and the conditions that say so. Pure: text in, text out.
 *
 * Type, time and project come first in every statement: they choose the files, the rest only reads what these left.
 */
import { quoted } from "../api/quoted";
import { ALL_TIME, type Filters } from "../state/filters";

export interface Scope {
  /** Empty: all projects. */
  projects: string[];
  /** How long ago, RFC 3339, or {@link ALL_TIME}. */
  since: string;
  /** Empty: all users. */
  users: string[];
  /** Empty: all integrations. */
  integrations: string[];
}

const UNITS: Record<string, string> = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks" };

export function scopeOf(filters: Filters): Scope {
  return {
    projects: filters.project,
    since: filters.since,
    users: filters.only.user ?? [],
    integrations: filters.only.integration ?? [],
  };
}

/** A list of texts as SQL writes it. */
export function quotedList(texts: readonly string[]): string {
  return `(${texts.map(quoted).join(", ")})`;
}

/** `column = 'a'` or `column in ('a', 'b')`. */
export function isOneOf(column: string, texts: readonly string[]): string {
  const [first] = texts;
  return texts.length === 1 && first !== undefined ? `${column} = ${quoted(first)}` : `${column} in ${quotedList(texts)}`;
}

/** The condition on the time; nothing for all time. */
function timeCondition(since: string): string[] {
  if (since === ALL_TIME) return [];
  const relative = /^(\d+)([smhdw])$/.exec(since);
  if (!relative) return [`timestamp >= ${quoted(since)}`];
  return [`timestamp >= now() - interval '${relative[1]} ${UNITS[relative[2] ?? ""]}'`];
}

/** The `where` of a statement over events of these types, further conditions last. `indent` is of its `and` lines. */
export function where(types: readonly string[], scope: Scope, more: readonly string[] = [], indent = "    "): string {
  const conditions = [isOneOf("type", types), ...timeCondition(scope.since)];
  if (scope.projects.length > 0) conditions.push(isOneOf("project_id", scope.projects));
  if (scope.users.length > 0) conditions.push(isOneOf("end_user_id", scope.users));
  if (scope.integrations.length > 0) conditions.push(isOneOf("integration_id", scope.integrations));
  return `where ${[...conditions, ...more].join(`\n${indent}and `)}`;
}

/**
 * A condition that the word indexes of the files can answer, for a text that stands in the payload as it is. Nothing for
 * texts that JSON or a pattern would write differently.
 */
export function payloadHolds(text: string): string[] {
  return /^[\w-]+$/.test(text) ? [`payload like '%${text}%'`] : [];
}
