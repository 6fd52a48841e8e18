/** One execution: its timeline, what failed, and every event of it in time order. */
import { useState } from "preact/hooks";
import { trace as fetchTrace } from "../api/events";
import type { LogEvent } from "../api/types";
import { count } from "../format/numbers";
import { duration, fullTime } from "../format/time";
import { Copy } from "../parts/copy";
import { download } from "../parts/download";
import { JsonTree } from "../parts/json_tree";
import { LevelMark } from "../parts/level";
import { useLoaded } from "../parts/loaded";
import { Failed, Nothing, Waiting } from "../parts/states";
import { aroundHref, filters, logsHref } from "../state/logs_url";
import { ALL_TIME, cleared, narrowed } from "../state/filters";
import { Catalogue } from "./catalogue";
import { kinds } from "./kinds";
import { Lanes } from "./lanes";
import { neighbours } from "./neighbours";
import { type LaneBy, type Timeline, timeline } from "./timeline";

/** Most events that are drawn; a trace that has more says so. */
const EVENTS_MAX = 2_000;

export function TracePage({ id }: { id: string }) {
  const found = useLoaded(id, async (signal) => {
    const [page, known] = await Promise.all([fetchTrace(id, [["limit", String(EVENTS_MAX)]], signal), kinds()]);
    return { page, catalogue: new Catalogue(known) };
  });
  if (found.error) return <Failed error={found.error} again={found.again} />;
  if (!found.value) return <Waiting what="the trace" />;
  const { page, catalogue } = found.value;
  if (page.events.length === 0) {
    return (
      <Nothing>
        <h1>No event has the trace id {id}</h1>
        <p>
          It may have expired, or be an id of something else: <a href={logsHref(searched(id))}>search for it everywhere</a>.
        </p>
      </Nothing>
    );
  }
  return <Trace id={id} events={page.events} isCut={page.next !== null} catalogue={catalogue} />;
}

function searched(text: string) {
  return { ...cleared(filters.value), q: `"${text.replaceAll('"', "")}"`, since: ALL_TIME, until: "" };
}

function Trace({ id, events, isCut, catalogue }: { id: string; events: LogEvent[]; isCut: boolean; catalogue: Catalogue }) {
  const [by, setBy] = useState<LaneBy>("type");
  const [chosen, setChosen] = useState<number | null>(null);
  const drawn = timeline(events, catalogue, by);
  const at = chosen ?? drawn.failure;
  const choose = (index: number) => {
    setChosen(index);
    document.getElementById(`event-${index}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div class="trace">
      <Head id={id} events={events} drawn={drawn} />
      <p class="trace-acts">
        <Neighbours events={events} />
        <label>
          Lanes by{" "}
          <select value={by} onChange={(change) => setBy(change.currentTarget.value as LaneBy)}>
            <option value="type">type</option>
            <option value="integration">integration</option>
          </select>
        </label>{" "}
        <a class="button" href={logsHref(narrowed({ ...cleared(filters.value), since: ALL_TIME, until: "" }, "trace", id))}>
          As event logs
        </a>{" "}
        {events[0] && (
          <a class="button" href={aroundHref(events[0])} title="What happened half an hour before it and five minutes after it began">
            Around
          </a>
        )}{" "}
        <button
          type="button"
          onClick={() => download(new Blob([events.map((event) => JSON.stringify(event)).join("\n")]), `trace-${id}.ndjson`)}
        >
          Download
        </button>
      </p>
      {isCut && <p class="warn-word">Only the first {count(EVENTS_MAX)} events are shown.</p>}
      <Lanes drawn={drawn} events={events} chosen={at} choose={choose} />
      <Steps events={events} drawn={drawn} chosen={at} choose={(index) => setChosen(index === at ? -1 : index)} />
    </div>
  );
}

function Head({ id, events, drawn }: { id: string; events: LogEvent[]; drawn: Timeline }) {
  const failed = drawn.failure === null ? null : events[drawn.failure];
  const distinct = (member: keyof LogEvent) => [...new Set(events.map((event) => event[member]).filter(Boolean))].join(", ");
  return (
    <header>
      <h1>
        Trace <bdi class="mono">{id}</bdi> <Copy text={id} what="the trace id" />
      </h1>
      <p>
        {count(events.length)} events in <b>{duration(drawn.endMs - drawn.startMs)}</b>, from {fullTime(events[0]?.timestamp ?? "")}.{" "}
        Project {distinct("projectId")}
        {distinct("endUserId") && `, user ${distinct("endUserId")}`}
        {distinct("integrationId") && `, integration ${distinct("integrationId")}`}
        {distinct("workflowId") && `, workflow ${distinct("workflowId")}`}.
        {drawn.retries > 0 && ` ${drawn.retries} ${drawn.retries === 1 ? "retry" : "retries"} or back-offs.`}
      </p>
      {failed ? (
        <p class="failed-word" data-testid="failure">
          Failed: <bdi>{failed.message}</bdi>
        </p>
      ) : (
        <p>Nothing failed.</p>
      )}
    </header>
  );
}

function Neighbours({ events }: { events: LogEvent[] }) {
  const found = useLoaded(events[0]?.traceId ?? "", (signal) => neighbours(events, signal));
  if (!found.value) return null;
  const { of, previous, next } = found.value;
  const link = (id: string | null, words: string) =>
    id ? (
      <a class="button" href={`/trace/${encodeURIComponent(id)}`} title={`${words} run of ${of}`}>
        {words} run
      </a>
    ) : (
      <span class="dim">no {words.toLowerCase()} run of {of}</span>
    );
  return (
    <>
      {link(previous, "Previous")} {link(next, "Next")}{" "}
    </>
  );
}

interface StepsProps {
  events: LogEvent[];
  drawn: Timeline;
  chosen: number | null;
  choose(index: number): void;
}

function Steps({ events, drawn, chosen, choose }: StepsProps) {
  const gaps = new Map(drawn.gaps.map((gap) => [gap.before, gap.ms]));
  return (
    <ol class="steps" aria-label="Events in time order">
      {events.map((event, index) => {
        const gap = gaps.get(index);
        const since = Date.parse(event.timestamp) - drawn.startMs;
        const isOpen = index === chosen;
        return (
          <li key={event.id} id={`event-${index}`}>
            {gap !== undefined && <p class="gap">{duration(gap)} without an event</p>}
            <button type="button" class={`step ${event.level.toLowerCase()}`} aria-expanded={isOpen} onClick={() => choose(index)}>
              <span class="mono since">+{duration(since)}</span> <LevelMark level={event.level} />{" "}
              <span class="role">{drawn.meanings[index]?.role}</span> <span class="dim">{event.type}</span> <bdi>{event.message}</bdi>
            </button>
            {isOpen && <Details event={event} />}
          </li>
        );
      })}
    </ol>
  );
}

function Details({ event }: { event: LogEvent }) {
  const { error, payload, ...members } = event;
  return (
    <div class="details">
      {error !== undefined && (
        <div class="event-error">
          <JsonTree name="error" value={error} openLevels={3} />
        </div>
      )}
      {payload !== undefined && <JsonTree name="payload" value={payload} openLevels={2} />}
      <JsonTree name="fields" value={members as never} openLevels={0} />
      <Copy text={JSON.stringify(event, null, 2)} what="the event as JSON" label="Copy the event" />
    </div>
  );
}
