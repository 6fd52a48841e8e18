/** The filters of the address bar, and changing them. */
import { computed } from "@preact/signals";
import type { LogEvent } from "../api/types";
import { cleared, type Filters, filterParams, readFilters, SINCE_DEFAULT } from "./filters";
import { go, href, place } from "./location";

export const filters = computed(() => readFilters(place.value.params));

/** The projects that every view is about; empty means all. */
export const projects = computed(() => filters.value.project);

/** The event that is expanded, by id. */
export const openEvent = computed(() => place.value.params.get("event") ?? "");

/** The address of the Event Logs page with these filters. */
export function logsHref(wanted: Filters): string {
  return href("/", filterParams(wanted));
}

/** Before an event, and after it: what it came of, and the rest of what it is part of. */
const BEFORE_MS = 30 * 60_000;
const AFTER_MS = 5 * 60_000;

/** The address of what happened around an event, to the same user where it names one. */
export function aroundHref({ timestamp, projectId, endUserId }: LogEvent): string {
  const at = Date.parse(timestamp);
  return logsHref({
    ...cleared(filters.value),
    project: [projectId],
    only: endUserId ? { user: [endUserId] } : {},
    since: new Date(at - BEFORE_MS).toISOString(),
    until: new Date(at + AFTER_MS).toISOString(),
  });
}

/** Shows these filters instead. */
export function show(wanted: Filters): void {
  go(logsHref(wanted));
}

/** Expands an event, or none. It is part of the address, but no step of the history. */
export function openInUrl(id: string): void {
  const params = new URLSearchParams(place.value.params);
  if (id) params.set("event", id);
  else params.delete("event");
  go(href(place.value.path, params), { replace: true });
}

/** An address of another view that keeps the project and how far back it looks. */
export function viewHref(to: string): string {
  const params = new URLSearchParams(projects.value.map((project) => ["project", project]));
  const { since } = filters.value;
  if (since !== SINCE_DEFAULT) params.set("since", since);
  return href(to, params);
}
