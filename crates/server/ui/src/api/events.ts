/** Reading events: pages, counts, one trace, one event. */
import { json } from "./client";
import type { EventPage, Facets, Histogram, LogEvent, Receipt } from "./types";

/** Query parameters, in the names that the API and the page's own URL share. */
export type Query = [string, string][];

export function queryText(query: Query): string {
  const text = new URLSearchParams(query).toString();
  return text && `?${text}`;
}

export function events(query: Query, signal?: AbortSignal): Promise<EventPage> {
  return json(`/v1/events${queryText(query)}`, { signal });
}

export function histogram(query: Query, buckets: number, signal?: AbortSignal): Promise<Histogram> {
  return json(`/v1/histogram${queryText([...query, ["buckets", String(buckets)]])}`, { signal });
}

export function facets(query: Query, fields: string[], values: number, signal?: AbortSignal): Promise<Facets> {
  const asked: Query = [...query, ["fields", fields.join(",")], ["values", String(values)]];
  return json(`/v1/facets${queryText(asked)}`, { signal });
}

export function trace(id: string, query: Query, signal?: AbortSignal): Promise<EventPage> {
  return json(`/v1/traces/${encodeURIComponent(id)}${queryText(query)}`, { signal });
}

export function event(id: string, signal?: AbortSignal): Promise<LogEvent> {
  return json(`/v1/events/${encodeURIComponent(id)}`, { signal });
}

export function deadLetters(query: Query, signal?: AbortSignal): Promise<EventPage> {
  return json(`/v1/dead-letters${queryText(query)}`, { signal });
}

/** Sends records, one JSON text each, to a project. Rejects with a Problem when every one of them was refused. */
export function send(records: string[], project?: string): Promise<Receipt> {
  const query: Query = project ? [["project", project]] : [];
  const headers = { "content-type": "application/x-ndjson" };
  return json(`/v1/events${queryText(query)}`, { method: "POST", headers, body: records.join("\n") });
}
