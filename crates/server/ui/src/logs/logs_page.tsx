/** The Event Logs page: filters, volume, rows, and the event that is expanded. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LogEvent } from "../api/types";
import { filterQuery } from "../state/filters";
import { filters, openEvent, openInUrl, show } from "../state/logs_url";
import { go } from "../state/location";
import { Chart } from "./chart";
import { EventPanel } from "./event_panel";
import { FilterBar } from "./filter_bar";
import { Help } from "./help";
import { LogList } from "./log_list";
import { LogTable } from "./log_table";
import { StatsLine } from "./stats_line";
import { typesText } from "./typing";

export function LogsPage() {
  const query = filterQuery(filters.value);
  const key = JSON.stringify(query);
  const list = useMemo(() => new LogList(query), [key]);
  const [at, drawAt] = useState(-1);
  // Read by keys, which may come faster than the page is drawn.
  const newestAt = useRef(-1);
  const setAt = (index: number) => {
    newestAt.current = index;
    drawAt(index);
  };
  const [moves, setMoves] = useState(0);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const wantsTail = useRef(false);

  useEffect(() => {
    list.onMoved = (rows) => {
      if (newestAt.current >= 0) setAt(newestAt.current + rows);
    };
    void list.more();
    if (wantsTail.current) list.startTail();
    setAt(-1);
    return () => list.end();
  }, [list]);

  const rowAt = (index: number): LogEvent | null => {
    const found = list.rows.at(index);
    return found && "row" in found ? found.row : null;
  };
  const move = (to: number) => {
    const index = Math.max(0, Math.min(list.rows.count - 1, to));
    setAt(index);
    setMoves((n) => n + 1);
    const row = rowAt(index);
    // What is expanded follows the row.
    if (row && openEvent.value) openInUrl(row.id);
  };
  const toggle = () => {
    const row = rowAt(newestAt.current);
    if (row) openInUrl(openEvent.value === row.id ? "" : row.id);
  };
  const toTrace = () => {
    const id = rowAt(newestAt.current)?.traceId;
    if (id) go(`/trace/${encodeURIComponent(id)}`);
  };

  useEffect(() => {
    const keys: Record<string, () => void> = {
      j: () => move(newestAt.current + 1),
      ArrowDown: () => move(newestAt.current + 1),
      k: () => move(newestAt.current - 1),
      ArrowUp: () => move(newestAt.current - 1),
      Enter: toggle,
      t: toTrace,
      "/": () => document.getElementById("search")?.focus(),
      "?": () => setHelpOpen(true),
      Escape: () => openInUrl(""),
    };
    const onKey = (key: KeyboardEvent) => {
      if (key.defaultPrevented || key.ctrlKey || key.metaKey || key.altKey || typesText(key.target)) return;
      const act = keys[key.key];
      if (!act || (key.key === "Enter" && isControl(key.target)) || (key.key.startsWith("Arrow") && isControl(key.target))) return;
      key.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });

  const setTail = (on: boolean) => {
    wantsTail.current = on;
    const { until } = filters.value;
    // A range that has ended gets no new events: it becomes one that has not.
    if (on && until) show({ ...filters.value, until: "" });
    else if (on) list.startTail();
    else list.stopTail();
  };
  return (
    <div class="logs">
      <h1 class="hidden">Event logs</h1>
      <FilterBar list={list} setTail={setTail} showHelp={() => setHelpOpen(true)} />
      <Chart list={list} />
      <StatsLine list={list} />
      <div class="logs-body">
        <section class="log-table" aria-label="Events">
          <LogTable list={list} at={at} setAt={setAt} moves={moves} />
        </section>
        {openEvent.value && <EventPanel id={openEvent.value} held={rowAt(at)} />}
      </div>
      {isHelpOpen && <Help close={() => setHelpOpen(false)} />}
    </div>
  );
}

/** Whether a key means something to the element itself. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, a, summary, [role=tree], .event-panel") !== null;
}
