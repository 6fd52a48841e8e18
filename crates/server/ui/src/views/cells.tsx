/** What the cells of the feature views are made of. */
import type { ComponentChildren } from "preact";
import { count } from "../format/numbers";
import { ago, fullTime } from "../format/time";
import type { Field, Filters } from "../state/filters";
import { filters, logsHref, viewHref } from "../state/logs_url";
import { narrowHref } from "./feature_frame";

/** Where there is nothing to say. */
export function None() {
  return (
    <span class="dim">
      <span aria-hidden="true">–</span>
      <span class="hidden">none</span>
    </span>
  );
}

export function When({ at }: { at: string }) {
  if (!at) return <None />;
  return (
    <time dateTime={at} title={fullTime(at)}>
      {ago(at)}
    </time>
  );
}

export function traceHref(trace: string): string {
  return viewHref(`/trace/${encodeURIComponent(trace)}`);
}

/** Its trace behind what is shown; without a trace, what is shown alone. */
export function TraceLink({ trace, children }: { trace: string; children: ComponentChildren }) {
  return trace ? (
    <a href={traceHref(trace)} title={`Trace ${trace}`}>
      {children}
    </a>
  ) : (
    <>{children}</>
  );
}

/** An id in little room, whole in its title. */
export function Id({ value }: { value: string }) {
  return value ? (
    <span class="id mono" title={value}>
      {value}
    </span>
  ) : (
    <None />
  );
}

/** A value by which the view can be narrowed. */
export function NarrowLink({ field, value }: { field: Field; value: string }) {
  if (!value) return <None />;
  if (filters.value.only[field]?.includes(value)) return <Id value={value} />;
  return (
    <a class="id mono" href={narrowHref(field, value)} title={`Only ${value}`}>
      {value}
    </a>
  );
}

/** A number; a missing one is no zero. */
export function Count({ n, isBad }: { n: number | undefined; isBad?: boolean }) {
  if (n === undefined) return <None />;
  return <span class={isBad && n > 0 ? "failed-word" : undefined}>{count(n)}</span>;
}

/** A failure in its own words, when it was, and its trace. */
export function FailureText({ text, at, trace }: { text: string; at: string; trace: string }) {
  if (!text && !at) return <None />;
  return (
    <div class="failure">
      <div class="failure-text" title={text}>
        {text || "no message"}
      </div>
      <TraceLink trace={trace}>
        <When at={at} />
        {trace && <span class="hidden">: its trace</span>}
      </TraceLink>
    </div>
  );
}

/** The error's own message behind the event's, unless the event already says it. */
export function errorText(message: string, detail: string): string {
  if (!detail || message.includes(detail)) return message;
  return message ? `${message}: ${detail}` : detail;
}

/** The Event Logs page with these events, in the view's time and project. */
export function eventsHref(only: Filters["only"], q = ""): string {
  const { project, since } = filters.value;
  return logsHref({ project, only, not: [], q, since, until: "" });
}
