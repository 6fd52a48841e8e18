/** Events by time and level above the rows. Dragging over it sets the time range; so do its two fields for who has no mouse. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { histogram } from "../api/events";
import { LEVELS, type Histogram, type Level } from "../api/types";
import { count } from "../format/numbers";
import { minuteTime } from "../format/time";
import { useLoaded } from "../parts/loaded";
import { Failed } from "../parts/states";
import { theme, zone } from "../state/choices";
import { filterQuery } from "../state/filters";
import { filters, show } from "../state/logs_url";
import type { LogList } from "./log_list";

const HEIGHT = 110;
const BUCKETS = 90;
/** A drag of fewer pixels is a click. */
const DRAG_MIN_PX = 4;

export function Chart({ list }: { list: LogList }) {
  const query = filterQuery(filters.value);
  // After the rows, which are what is waited for: both at once would take each longer.
  const found = useLoaded(JSON.stringify(query), (signal) => list.first.then(() => histogram(query, BUCKETS, signal)));
  if (found.error) return <Failed error={found.error} again={found.again} />;
  return (
    <figure class="chart" aria-busy={found.isLoading}>
      {found.value?.buckets.length ? (
        <Bars counts={found.value} />
      ) : (
        <div class="chart-empty dim">{found.value ? "Nothing to draw: no event in this range." : "Counting…"}</div>
      )}
      <figcaption>{found.value ? <Legend counts={found.value} /> : "\u00a0"}</figcaption>
    </figure>
  );
}

function totals(counts: Histogram): Record<Level, number> {
  const sums: Record<Level, number> = { DEBUG: 0, INFO: 0, WARN: 0, ERROR: 0 };
  for (const bucket of counts.buckets) for (const level of LEVELS) sums[level] += bucket.counts[level];
  return sums;
}

function Legend({ counts }: { counts: Histogram }) {
  const sums = totals(counts);
  const all = LEVELS.reduce((sum, level) => sum + sums[level], 0);
  // Without an event an open range has no end to tell.
  if (counts.buckets.length === 0) return <><b data-testid="total">{count(all)}</b> events</>;
  return (
    <>
      <b data-testid="total">{count(all)}</b> events from {minuteTime(Date.parse(counts.from))} to {minuteTime(Date.parse(counts.until))}
      {": "}
      {LEVELS.map((level, i) => (
        <span key={level}>
          {i > 0 ? ", " : ""}
          <span class={`level ${level.toLowerCase()}`}>{level}</span> {count(sums[level])}
        </span>
      ))}
    </>
  );
}

function Bars({ counts }: { counts: Histogram }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const plot = new uPlot(options(counts, element), stacked(counts), element);
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    const repaint = () => plot.redraw(false);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", repaint);
    return () => {
      scheme.removeEventListener("change", repaint);
      resize.disconnect();
      plot.destroy();
    };
  }, [counts, theme.value, zone.value]);
  // The numbers stand in the caption; the drawing says nothing that is not there or in the rows.
  return <div class="chart-box" ref={box} aria-hidden="true" />;
}

/** Each level on top of those worse than it, so that errors stand at the ground line, where they are compared. */
function stacked({ buckets }: Histogram): uPlot.AlignedData {
  const times = buckets.map(({ start }) => Date.parse(start) / 1_000);
  const sums = buckets.map(() => 0);
  const series = LEVELS.map((level) =>
    buckets.map(({ counts }, i) => {
      sums[i] = (sums[i] ?? 0) + counts[level];
      return sums[i] ?? 0;
    }),
  );
  // Drawn first is drawn below: the largest sum first.
  return [times, ...series.reverse()];
}

function options(counts: Histogram, element: HTMLElement): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(`--chart-${name}`);
  const width = counts.bucket_ms / 1_000;
  const bars = uPlot.paths.bars?.({ size: [0.86, 60], align: 1 });
  const axis = { stroke: colour("text"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [6, 4, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => (zone.value === "utc" ? uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC") : new Date(seconds * 1_000)),
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: true, range: () => [Date.parse(counts.from) / 1_000, Math.max(Date.parse(counts.until) / 1_000, Date.parse(counts.from) / 1_000 + width)] },
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.05)] },
    },
    axes: [{ ...axis, size: 24, values: (_, ticks, __, ___, stepS) => ticks.map((tick) => tickText(tick, stepS)) }, { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : "")) }],
    series: [{}, ...[...LEVELS].reverse().map((level) => ({ fill: colour(level.toLowerCase()), width: 0, paths: bars, points: { show: false } }))],
    hooks: { setSelect: [(plot) => brush(plot)] },
  };
}

/** A tick of the time axis: the day at midnight and where ticks are days apart, else the minute. */
function tickText(tick: number | null, stepS: number): string {
  if (tick === null) return "";
  const [day, minute] = minuteTime(tick * 1_000).split(" ") as [string, string];
  return stepS >= 86_400 || minute === "00:00" ? day.slice(5) : minute;
}

function brush(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < DRAG_MIN_PX) return;
  const at = (px: number) => new Date(Math.round(plot.posToVal(px, "x") * 1_000)).toISOString();
  show({ ...filters.value, since: at(left), until: at(left + width) });
}
