/**
 * {@link Filters}: what the Event Logs page shows, as its URL says it. Pure: reading and writing URLs, no page, no server.
 *
 * A parameter of the page's URL means what it means to `/v1/events`. Two things are the page's own: without `since` it looks
 * back {@link SINCE_DEFAULT}, and `since=all` stands for no bound.
 */
import type { Query } from "../api/events";

/** Fields that a filter can name, as the API spells them. */
export const FIELDS = [
  "level",
  "type",
  "status",
  "user",
  "integration",
  "workflow",
  "event_name",
  "trace",
  "credential",
  "id",
] as const;

export type Field = (typeof FIELDS)[number];

/** What people call a field, in the order of the filter bar. */
export const FIELD_LABELS: Record<Field, string> = {
  level: "Level",
  type: "Type",
  status: "Status",
  user: "User",
  integration: "Integration",
  workflow: "Workflow",
  event_name: "Event name",
  trace: "Trace",
  credential: "Credential",
  id: "Event id",
};

/** The member of an event that a field is about. */
export const FIELD_MEMBERS: Record<Field, string> = {
  level: "level",
  type: "type",
  status: "status",
  user: "endUserId",
  integration: "integrationId",
  workflow: "workflowId",
  event_name: "eventName",
  trace: "traceId",
  credential: "connectCredentialId",
  id: "id",
};

export const SINCE_DEFAULT = "24h";
export const ALL_TIME = "all";

export interface Filters {
  /** Empty: all projects. */
  project: string[];
  only: Partial<Record<Field, string[]>>;
  not: { field: Field; value: string }[];
  /** Words, in the rules of the word index. */
  q: string;
  /** How long ago, RFC 3339, or {@link ALL_TIME}. */
  since: string;
  until: string;
}

export function isField(name: string): name is Field {
  return (FIELDS as readonly string[]).includes(name);
}

/** The filters that a URL's parameters say. What they do not know is passed over. */
export function readFilters(params: URLSearchParams): Filters {
  const only: Filters["only"] = {};
  for (const field of FIELDS) {
    const values = [...new Set(params.getAll(field).filter(Boolean))];
    if (values.length > 0) only[field] = values;
  }
  const not: Filters["not"] = [];
  for (const text of params.getAll("not")) {
    const at = text.indexOf(":");
    const field = text.slice(0, at);
    if (at > 0 && isField(field)) not.push({ field, value: text.slice(at + 1) });
  }
  return {
    project: params.getAll("project").filter(Boolean),
    only,
    not,
    q: params.get("q") ?? "",
    since: params.get("since") || SINCE_DEFAULT,
    until: params.get("until") ?? "",
  };
}

/** The parameters that say these filters; defaults are left out, so that a plain page has a plain URL. */
export function filterParams(filters: Filters): URLSearchParams {
  const params = new URLSearchParams(common(filters));
  if (filters.since !== SINCE_DEFAULT) params.set("since", filters.since);
  return params;
}

/** What to ask the API. */
export function filterQuery(filters: Filters): Query {
  const query = common(filters);
  if (filters.since !== ALL_TIME) query.push(["since", filters.since]);
  return query;
}

/** The same without one field's own values: what else that field could be. */
export function without(filters: Filters, field: Field): Filters {
  const { [field]: _, ...only } = filters.only;
  return { ...filters, only };
}

function common(filters: Filters): Query {
  const query: Query = filters.project.map((project) => ["project", project]);
  for (const field of FIELDS) {
    for (const value of filters.only[field] ?? []) query.push([field, value]);
  }
  for (const { field, value } of filters.not) query.push(["not", `${field}:${value}`]);
  if (filters.q.trim()) query.push(["q", filters.q.trim()]);
  if (filters.until) query.push(["until", filters.until]);
  return query;
}

/** With `value` among the values of `field`, or without it when it was there. */
export function toggled(filters: Filters, field: Field, value: string): Filters {
  const values = filters.only[field] ?? [];
  const next = values.includes(value) ? values.filter((other) => other !== value) : [...values, value];
  const only = { ...filters.only, [field]: next };
  if (next.length === 0) delete only[field];
  return { ...filters, only, not: filters.not.filter((left) => left.field !== field || left.value !== value) };
}

/** With `value` as the only value of `field`. */
export function narrowed(filters: Filters, field: Field, value: string): Filters {
  return { ...toggled(without(filters, field), field, value) };
}

/** Without the events whose `field` is `value`. */
export function excluded(filters: Filters, field: Field, value: string): Filters {
  const included = filters.only[field]?.includes(value) ? toggled(filters, field, value) : filters;
  const is = (left: Filters["not"][number]) => left.field === field && left.value === value;
  return included.not.some(is) ? included : { ...included, not: [...included.not, { field, value }] };
}

/** How many things narrow the page, time aside. */
export function countOf(filters: Filters): number {
  const only = Object.values(filters.only).reduce((sum, values) => sum + values.length, 0);
  return only + filters.not.length + (filters.q.trim() ? 1 : 0);
}

/** No filter but project and time. */
export function cleared(filters: Filters): Filters {
  return { ...filters, only: {}, not: [], q: "" };
}
