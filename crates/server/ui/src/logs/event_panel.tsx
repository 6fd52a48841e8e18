/** The expanded event: its error first, then its members, then the payload; as a tree or as JSON. */
import { useEffect, useRef, useState } from "preact/hooks";
import { event as fetchEvent } from "../api/events";
import type { Json, LogEvent } from "../api/types";
import { ago, fullTime } from "../format/time";
import { Copy } from "../parts/copy";
import { JsonTree } from "../parts/json_tree";
import { LevelMark } from "../parts/level";
import { useLoaded } from "../parts/loaded";
import { Failed, Waiting } from "../parts/states";
import { excluded, FIELD_MEMBERS, FIELDS, type Field, narrowed } from "../state/filters";
import { aroundHref, filters, logsHref, openInUrl, show } from "../state/logs_url";

/** JSON longer than this is shown cut; the copy is whole. */
const RAW_SHOWN = 200_000;
/** Members with a place of their own in the panel. */
const PLACED = new Set(["error", "payload", "message", "level", "timestamp"]);

export function EventPanel({ id, held }: { id: string; held: LogEvent | null }) {
  const known = held?.id === id ? held : null;
  const found = useLoaded(id, (signal) => (known ? Promise.resolve(known) : fetchEvent(id, signal)));
  const shown = known ?? (found.value?.id === id ? found.value : null);
  return (
    <aside class="event-panel" aria-label="Event">
      {shown ? <Whole key={shown.id} event={shown} /> : found.error ? <Failed error={found.error} again={found.again} /> : <Waiting what="the event" />}
    </aside>
  );
}

function Whole({ event }: { event: LogEvent }) {
  const [isRaw, setRaw] = useState(false);
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => top.current?.scrollIntoView({ block: "nearest" }), [event.id]);
  const { error, payload } = event;
  const members = Object.fromEntries(Object.entries(event).filter(([name]) => !PLACED.has(name))) as Record<string, Json>;
  return (
    <>
      <div class="event-head" ref={top}>
        <div>
          <LevelMark level={event.level} /> <span class="mono">{fullTime(event.timestamp)}</span>{" "}
          <span class="dim">{ago(event.timestamp)}</span>
        </div>
        <div class="event-acts">
          {event.traceId && (
            <a class="button" href={`/trace/${encodeURIComponent(event.traceId)}`}>
              Trace
            </a>
          )}
          <a class="button" href={aroundHref(event)} title="What happened half an hour before it and five minutes after">
            Around
          </a>
          <button type="button" aria-pressed={isRaw} onClick={() => setRaw(!isRaw)}>
            {isRaw ? "Tree" : "JSON"}
          </button>
          <Copy text={JSON.stringify(event, null, 2)} what="the event as JSON" />
          <button type="button" class="quiet" aria-label="Close the event" onClick={() => openInUrl("")}>
            ×
          </button>
        </div>
      </div>
      <p class="event-message">
        <bdi>{event.message}</bdi>
      </p>
      {isRaw ? (
        <Raw event={event} />
      ) : (
        <>
          {error !== undefined && (
            <section class="event-error" aria-label="Error">
              <h2>Error</h2>
              <JsonTree value={error} openLevels={3} actions={act} />
            </section>
          )}
          <section aria-label="Fields">
            <h2>Fields</h2>
            <JsonTree value={members} openLevels={1} actions={act} />
          </section>
          {payload !== undefined && (
            <section aria-label="Payload">
              <h2>Payload</h2>
              <JsonTree value={payload} openLevels={3} actions={act} />
            </section>
          )}
        </>
      )}
    </>
  );
}

function Raw({ event }: { event: LogEvent }) {
  const text = JSON.stringify(event, null, 2);
  return (
    <>
      <pre class="raw" tabIndex={0}>
        {text.slice(0, RAW_SHOWN)}
      </pre>
      {text.length > RAW_SHOWN && <p class="dim">Cut after {RAW_SHOWN.toLocaleString("en")} characters; copy gives all of it.</p>}
    </>
  );
}

/** Filter for a value, leave it out, search for it, copy it. */
function act(path: string[], value: Json) {
  if (value === null || value === "" || typeof value === "object") return null;
  const text = String(value);
  const field = path.length === 1 ? FIELDS.find((name) => FIELD_MEMBERS[name] === path[0]) : undefined;
  return (
    <span class="acts">
      {field ? <FieldActs field={field} value={text} /> : <WordActs text={text} />}
      <Copy text={text} what="this value" />
    </span>
  );
}

function FieldActs({ field, value }: { field: Field; value: string }) {
  const wanted = filters.value;
  return (
    <>
      {field === "trace" ? (
        <a href={`/trace/${encodeURIComponent(value)}`}>trace</a>
      ) : (
        <a href={logsHref(narrowed({ ...wanted, only: {}, not: [], q: "" }, field, value))} title={`All events with ${value}`}>
          all of it
        </a>
      )}
      <button type="button" class="quiet" title="Show only events with this value" onClick={() => show(narrowed(wanted, field, value))}>
        only
      </button>
      {field !== "id" && (
        <button type="button" class="quiet" title="Leave events with this value out" onClick={() => show(excluded(wanted, field, value))}>
          not
        </button>
      )}
    </>
  );
}

/** Longest text that is worth a search for it. */
const SEARCHED_MAX = 200;

function WordActs({ text }: { text: string }) {
  if (text.length > SEARCHED_MAX || !/[\p{L}\p{N}]{3}/u.test(text) || text.includes('"')) return null;
  return (
    <a href={logsHref({ ...filters.value, only: {}, not: [], q: `"${text}"` })} title="Events in which this stands">
      search
    </a>
  );
}
