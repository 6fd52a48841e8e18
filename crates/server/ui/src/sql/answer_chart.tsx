/** An answer drawn, with the same in words. */
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../format/numbers";
import { zoneName } from "../format/time";
import { theme, zone } from "../state/choices";
import { type Chart, inWords } from "./chart";
import { coloursOf, plot } from "./plot";

const WIDTH_MIN = 260;

export function AnswerChart({ chart }: { chart: Chart }) {
  const host = useRef<HTMLDivElement>(null);
  const isDark = useDark();
  useEffect(() => {
    const box = host.current;
    if (!box) return;
    const width = () => Math.max(WIDTH_MIN, box.clientWidth);
    const drawn = plot(box, chart, coloursOf(box, chart), zone.value === "utc", width());
    const watch = new ResizeObserver(() => drawn.setSize({ width: width(), height: drawn.height }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      drawn.destroy();
    };
  }, [chart, theme.value, zone.value, isDark]);
  return (
    <figure class="sql-chart">
      <p class="hidden">{inWords(chart)} The table has every value.</p>
      <div ref={host} aria-hidden="true" />
      <figcaption class="dim">
        By {chart.xName}
        {chart.axis === "time" && `, times in ${zoneName()}`}
        {chart.axis === "date" && ", days of UTC"}
        {chart.leftOut > 0 && `; ${count(chart.leftOut)} more rows are not drawn`}
      </figcaption>
    </figure>
  );
}

/** Whether the system wants dark colours: a canvas does not follow by itself. */
function useDark(): boolean {
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return isDark;
}
