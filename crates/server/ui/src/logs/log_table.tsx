/** The rows: newest first, only those in sight in the document, moved through by mouse or keyboard. */
import { useEffect, useRef } from "preact/hooks";
import type { LogEvent } from "../api/types";
import { rowTime, fullTime } from "../format/time";
import { LevelMark } from "../parts/level";
import { Failed, Nothing, Waiting } from "../parts/states";
import { useVirtual } from "../parts/virtual";
import { count } from "../format/numbers";
import { filters, openEvent, openInUrl, show } from "../state/logs_url";
import { ALL_TIME, cleared, countOf } from "../state/filters";
import type { LogList } from "./log_list";

const ROW_HEIGHT = 28;
/** So many rows before the last one, the next page is fetched. */
const AHEAD_ROWS = 60;

interface Props {
  list: LogList;
  /** The row that keys move, by index. */
  at: number;
  setAt(index: number): void;
  /** Changes when the row was moved to by a key, and so must be in sight. */
  moves: number;
}

export function LogTable({ list, at, setAt, moves }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  // Read, so that this is drawn again when the list changes.
  list.version.value;
  const total = list.rows.count;
  const virtual = useVirtual({ count: total, rowHeight: () => ROW_HEIGHT, scroller });
  const shown = virtual.rows;
  const last = shown.at(-1)?.index ?? 0;
  list.seen = shown[Math.floor(shown.length / 2)]?.index ?? 0;

  useEffect(() => {
    if (last >= total - AHEAD_ROWS) void list.more();
    for (const { index } of shown) {
      const found = list.rows.at(index);
      if (found && "missing" in found) void list.refill(found.missing);
    }
  });
  useEffect(() => {
    if (at >= 0) virtual.scrollTo(at);
  }, [moves]);

  const onScroll = () => list.hold((scroller.current?.scrollTop ?? 0) > ROW_HEIGHT);
  if (total === 0) return <Empty list={list} />;
  return (
    <>
      {list.waiting.value > 0 && (
        <button
          type="button"
          class="primary new-rows"
          onClick={() => {
            scroller.current?.scrollTo({ top: 0 });
            list.hold(false);
          }}
        >
          {count(list.waiting.value)} new ↑
        </button>
      )}
      <div class="log-head" aria-hidden="true">
        <span>Time</span>
        <span>Level</span>
        <span>Type</span>
        <span>Message</span>
        <span class="wide">Status</span>
        <span class="wide">User</span>
        <span class="wide">Integration</span>
      </div>
      <div class="log-rows" ref={scroller} onScroll={onScroll}>
        <div
          role="grid"
          aria-label="Events"
          aria-rowcount={list.rows.isComplete ? total : -1}
          aria-activedescendant={at >= 0 ? rowId(at) : undefined}
          tabIndex={0}
          style={{ height: `${virtual.totalSize}px`, position: "relative" }}
        >
          {shown.map(({ index, start }) => {
            const found = list.rows.at(index);
            const row = found && "row" in found ? found.row : null;
            return (
              <LogRow key={row ? row.id : `empty-${index}`} row={row} index={index} start={start} isAt={index === at} choose={setAt} />
            );
          })}
        </div>
        <Foot list={list} />
      </div>
    </>
  );
}

function rowId(index: number): string {
  return `row-${index}`;
}

function LogRow(props: { row: LogEvent | null; index: number; start: number; isAt: boolean; choose(index: number): void }) {
  const { row, index, start, isAt, choose } = props;
  const style = { transform: `translateY(${start}px)` };
  if (!row) return <div class="log-row" role="row" aria-rowindex={index + 1} style={style}><span role="gridcell" class="dim">…</span></div>;
  const isOpen = openEvent.value === row.id;
  const open = () => {
    choose(index);
    openInUrl(isOpen ? "" : row.id);
  };
  return (
    <div
      class={`log-row ${row.level.toLowerCase()} ${isAt ? "at" : ""} ${isOpen ? "open" : ""}`}
      role="row"
      id={rowId(index)}
      aria-rowindex={index + 1}
      aria-selected={isAt}
      style={style}
      onClick={open}
    >
      <span role="gridcell" class="mono" title={fullTime(row.timestamp)}>
        {rowTime(row.timestamp)}
      </span>
      <span role="gridcell">
        <LevelMark level={row.level} />
      </span>
      <span role="gridcell" class="dim">{row.type}</span>
      <span role="gridcell" class="message">{row.message ?? ""}</span>
      <span role="gridcell" class="wide dim">{row.status?.replace(/^EVENT_STATUS\./, "") ?? ""}</span>
      <span role="gridcell" class="wide dim">{row.endUserId ?? ""}</span>
      <span role="gridcell" class="wide dim">{row.integrationId ?? ""}</span>
    </div>
  );
}

function Foot({ list }: { list: LogList }) {
  // Read here too: a component that reads signals is drawn again for those alone.
  list.version.value;
  if (list.error) return <Failed error={list.error} again={() => void list.retry()} />;
  if (list.isLoading) return <Waiting what="more events" />;
  if (list.rows.isCut) {
    return <p class="state dim">Older events were let go while the list was live. Search again to see them.</p>;
  }
  if (list.rows.isComplete) return <p class="state dim">These are all: {count(list.rows.count)} events.</p>;
  return null;
}

function Empty({ list }: { list: LogList }) {
  list.version.value;
  const wanted = filters.value;
  if (list.error) return <Failed error={list.error} again={() => void list.retry()} />;
  if (!list.rows.isComplete) return <Waiting what="events" />;
  return (
    <Nothing>
      <p>
        <strong>No event matches.</strong>
      </p>
      <p>
        {wanted.since !== ALL_TIME && (
          <button type="button" onClick={() => show({ ...wanted, since: ALL_TIME, until: "" })}>
            Look at all times
          </button>
        )}{" "}
        {countOf(wanted) > 0 && (
          <button type="button" onClick={() => show(cleared(wanted))}>
            Clear the filters
          </button>
        )}
      </p>
      {wanted.q && <p class="dim">A word matches whole: write <code>limit*</code> for its beginnings.</p>}
    </Nothing>
  );
}
