/** The timeline drawn: one lane a type or integration, bars where something lasted, marks where something happened. */
import type { LogEvent } from "../api/types";
import { duration } from "../format/time";
import type { Bar, Lane, Point, Timeline } from "./timeline";

const ROW_PX = 22;
const TICKS = 5;
/** Bars are at least so wide, in percent, so that the shortest can be seen and pointed at. */
const BAR_MIN = 0.6;

interface Props {
  drawn: Timeline;
  events: LogEvent[];
  chosen: number | null;
  choose(index: number): void;
}

export function Lanes({ drawn, events, chosen, choose }: Props) {
  const whole = Math.max(1, drawn.endMs - drawn.startMs);
  const percent = (ms: number) => (100 * (ms - drawn.startMs)) / whole;
  return (
    <figure class="lanes" aria-label="Timeline">
      <div class="ticks" aria-hidden="true">
        {Array.from({ length: TICKS }, (_, i) => (
          <span key={i} style={{ left: `${(100 * i) / (TICKS - 1)}%` }}>
            {duration((whole * i) / (TICKS - 1))}
          </span>
        ))}
      </div>
      {drawn.lanes.map((lane) => (
        <LaneRow key={lane.name} lane={lane} events={events} percent={percent} chosen={chosen} choose={choose} />
      ))}
    </figure>
  );
}

interface LaneProps {
  lane: Lane;
  events: LogEvent[];
  percent(ms: number): number;
  chosen: number | null;
  choose(index: number): void;
}

function LaneRow({ lane, events, percent, chosen, choose }: LaneProps) {
  const rows = rowsOf(lane.bars, percent);
  const height = ROW_PX * (Math.max(0, ...rows) + 1 + (lane.points.length > 0 ? 1 : 0));
  return (
    <div class="lane">
      <div class="lane-name">{lane.name}</div>
      <div class="lane-body" style={{ height: `${height}px` }}>
        {lane.bars.map((bar, i) => (
          <BarMark key={bar.first} bar={bar} row={rows[i] ?? 0} percent={percent} chosen={chosen} choose={choose} />
        ))}
        {lane.points.map((point) => (
          <PointMark key={point.event} point={point} event={events[point.event]} top={height - ROW_PX} percent={percent} chosen={chosen} choose={choose} />
        ))}
      </div>
    </div>
  );
}

/** Bars that overlap, or whose words would, stand below each other. */
function rowsOf(bars: Bar[], percent: (ms: number) => number): number[] {
  const ends: number[] = [];
  return bars.map((bar) => {
    const start = percent(bar.startMs);
    const row = ends.findIndex((end) => end <= start);
    const at = row === -1 ? ends.length : row;
    ends[at] = Math.max(percent(bar.endMs), start + 18);
    return at;
  });
}

function BarMark(props: { bar: Bar; row: number; percent(ms: number): number; chosen: number | null; choose(index: number): void }) {
  const { bar, row, percent, chosen, choose } = props;
  const left = Math.min(percent(bar.startMs), 100 - BAR_MIN);
  const width = Math.max(percent(bar.endMs) - left, BAR_MIN);
  const lasted = duration(bar.endMs - bar.startMs);
  const words = `${bar.name}: ${bar.isOpen ? "no end seen" : bar.isFailed ? `failed after ${lasted}` : lasted}`;
  const isChosen = chosen === bar.first || chosen === bar.last;
  return (
    <button
      type="button"
      class={`bar ${bar.isFailed ? "failed" : ""} ${bar.isOpen ? "unended" : ""} ${isChosen ? "chosen" : ""}`}
      style={{ left: `${left}%`, width: `${width}%`, top: `${row * ROW_PX}px` }}
      title={words}
      onClick={() => choose(bar.isFailed ? bar.last : bar.first)}
    >
      <span>
        {bar.isFailed && <span aria-hidden="true">✕ </span>}
        {bar.name} {bar.isOpen ? "…" : lasted}
        <span class="hidden">{bar.isFailed ? ", failed" : bar.isOpen ? ", no end seen" : ""}</span>
      </span>
    </button>
  );
}

interface PointProps {
  point: Point;
  event: LogEvent | undefined;
  top: number;
  percent(ms: number): number;
  chosen: number | null;
  choose(index: number): void;
}

function PointMark({ point, event, top, percent, chosen, choose }: PointProps) {
  const kind = point.isFailed ? "failed" : point.isRetry ? "retry" : "";
  return (
    <button
      type="button"
      class={`point ${kind} ${chosen === point.event ? "chosen" : ""}`}
      style={{ left: `${percent(point.atMs)}%`, top: `${top}px` }}
      title={event?.message}
      aria-label={`${kind ? `${kind}: ` : ""}${event?.message ?? "event"}`}
      onClick={() => choose(point.event)}
    >
      {point.isFailed ? "✕" : point.isRetry ? "↻" : ""}
    </button>
  );
}
