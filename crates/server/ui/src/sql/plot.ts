/** A {@link Chart} as uPlot wants it. */
import uPlot from "uplot";
import { short } from "../format/numbers";
import type { Chart } from "./chart";

export interface Colours {
  fg: string;
  line: string;
  /** Of each series. */
  series: string[];
}

/** Levels keep the colours that they have everywhere; the others take what is left in turn. */
const LEVEL_COLOURS: Record<string, string> = { ERROR: "--error", WARN: "--warn", INFO: "--info", DEBUG: "--debug" };
const TURN = ["--accent", "--warn", "--info", "--error", "--debug"];
/** Series of one colour are told apart by the stroke. */
const DASHES: (number[] | undefined)[] = [undefined, [6, 4]];

/** The page's colours as a canvas takes them: `light-dark()` is worked out where it is used as a colour, and only there. */
export function coloursOf(host: HTMLElement, chart: Chart): Colours {
  const probe = document.createElement("span");
  host.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    fg: colour("--fg"),
    line: colour("--line"),
    series: chart.series.map(({ name }, at) => colour(LEVEL_COLOURS[name] ?? TURN[at % TURN.length] ?? "--accent")),
  };
  probe.remove();
  return found;
}

export function plot(host: HTMLElement, chart: Chart, colours: Colours, isUtc: boolean, width: number): uPlot {
  const isTime = chart.axis === "time" || chart.axis === "date";
  const axis = { stroke: colours.fg, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, width: 1 } };
  const slots = chart.series.length + 1;
  const options: uPlot.Options = {
    width,
    height: 320,
    // A date is a day of UTC, whatever zone times are shown in.
    tzDate: (s) => (isUtc || chart.axis === "date" ? uPlot.tzDate(new Date(s * 1_000), "Etc/UTC") : new Date(s * 1_000)),
    fmtDate: (template) => uPlot.fmtDate(template),
    legend: { live: chart.axis !== "category" },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: isTime, range: chart.axis === "category" ? [-1, chart.categories.length * slots] : undefined } },
    axes: [
      chart.axis === "category" ? { ...axis, ...categoryAxis(chart, slots) } : axis,
      { ...axis, size: 60, values: (_, values) => values.map((value) => short(value)) },
    ],
    series: [
      { label: chart.xName },
      ...chart.series.map(({ name }, at) => seriesOptions(chart, name, at, colours.series[at] ?? colours.fg)),
    ],
  };
  return new uPlot(options, dataOf(chart), host);
}

function seriesOptions(chart: Chart, label: string, at: number, colour: string): uPlot.Series {
  const size = chart.axis === "category" ? 0.9 : 0.7;
  const isBars = chart.shape === "bars";
  return {
    label,
    stroke: colour,
    width: isBars ? 1 : 1.5,
    dash: isBars ? undefined : DASHES[Math.floor(at / TURN.length) % DASHES.length],
    fill: isBars ? colour : undefined,
    paths: isBars ? uPlot.paths.bars?.({ size: [size, 60] }) : undefined,
    points: { show: isBars ? false : undefined },
    spanGaps: !isBars,
  };
}

/** A category has a slot for each series and one for the gap, so that the bars of series stand side by side. */
function dataOf(chart: Chart): uPlot.AlignedData {
  if (chart.axis !== "category") return [chart.x, ...chart.series.map(({ values }) => values)];
  const slots = chart.series.length + 1;
  const x = Array.from({ length: chart.categories.length * slots }, (_, place) => place);
  const series = chart.series.map(({ values }, at) => {
    const spread = x.map((): number | null => null);
    chart.x.forEach((category, index) => {
      spread[category * slots + at] = values[index] ?? null;
    });
    return spread;
  });
  return [x, ...series];
}

function categoryAxis(chart: Chart, slots: number): uPlot.Axis {
  const middle = (chart.series.length - 1) / 2;
  const most = Math.max(...chart.categories.map((name) => Math.min(name.length, LABEL_CHARS)));
  return {
    // Labels are slanted where they would run into each other.
    rotate: chart.categories.length > 6 ? 45 : 0,
    size: chart.categories.length > 6 ? 24 + most * 4.5 : 40,
    grid: { show: false },
    splits: chart.categories.map((_, at) => at * slots + middle),
    values: (_, splits) => splits.map((place) => cut(chart.categories[Math.round((place - middle) / slots)] ?? "")),
  };
}

const LABEL_CHARS = 18;

function cut(text: string): string {
  return text.length > LABEL_CHARS ? `${text.slice(0, LABEL_CHARS - 1)}…` : text;
}
