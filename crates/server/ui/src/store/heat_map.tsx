/** Projects by days: a table whose cells are shaded by how much there is. The number stands in the cell, so no colour is alone. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { bytes, count, short } from "../format/numbers";
import { ALL_TIME } from "../state/filters";
import { logsHref } from "../state/logs_url";
import { calendar, type Cell, shade, type Sums } from "./file_sums";

const DAYS_CHOICES = [31, 92, 366];
/** Projects that are shown before one asks for all. */
const PROJECTS_FIRST = 40;

type Measure = "events" | "bytes";

export function HeatMap({ sums }: { sums: Sums }) {
  const [measure, setMeasure] = useState<Measure>("events");
  const [most, setMost] = useState(31);
  const [isWhole, setWhole] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const days = useMemo(() => calendar(sums.days, most), [sums, most]);
  const cells = useMemo(() => new Map(sums.cells.map((cell) => [`${cell.project} ${cell.day}`, cell])), [sums]);
  const largest = useMemo(() => Math.max(0, ...sums.cells.map((cell) => cell[measure])), [sums, measure]);
  const shown = isWhole ? sums.projects : sums.projects.slice(0, PROJECTS_FIRST);
  const span = spanOf(sums);
  // The latest days are what one looks at first.
  useLayoutEffect(() => box.current?.scrollTo(box.current.scrollWidth, 0), [days]);
  return (
    <section aria-labelledby="heat">
      <h2 id="heat">Projects by days</h2>
      <div class="heat-bar">
        <div class="switch" role="group" aria-label="Shade by">
          {(["events", "bytes"] as const).map((name) => (
            <button key={name} type="button" class={measure === name ? "active" : ""} aria-pressed={measure === name} onClick={() => setMeasure(name)}>
              {name === "events" ? "Events" : "Bytes"}
            </button>
          ))}
        </div>
        {span > (DAYS_CHOICES[0] ?? 0) && (
          <label>
            Days{" "}
            <select value={String(most)} onChange={(change) => setMost(Number(change.currentTarget.value))}>
              {DAYS_CHOICES.filter((_, at) => at === 0 || span > (DAYS_CHOICES[at - 1] ?? 0)).map((choice) => (
                <option key={choice} value={String(choice)}>
                  the last {choice}
                </option>
              ))}
              <option value="4000">all of them</option>
            </select>
          </label>
        )}
        <span class="dim">Days of UTC. Events in memory are not in files yet.</span>
      </div>
      <div class="table-box heat" ref={box} tabIndex={0} role="region" aria-label={`${measure} by project and day`}>
        <table class="data">
          <caption class="hidden">{measure === "events" ? "Events" : "Bytes of files"} by project and day</caption>
          <thead>
            <tr>
              <th scope="col">Project</th>
              {days.map((day) => (
                <th key={day} scope="col" title={day}>
                  {day.slice(5)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((project) => (
              <tr key={project}>
                <th scope="row">
                  <a href={logsHref({ project: [project], only: {}, not: [], q: "", since: ALL_TIME, until: "" })}>{project}</a>
                </th>
                {days.map((day) => (
                  <HeatCell key={day} cell={cells.get(`${project} ${day}`)} measure={measure} largest={largest} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < sums.projects.length && (
        <p>
          <button type="button" onClick={() => setWhole(true)}>
            Show all {count(sums.projects.length)} projects
          </button>{" "}
          <span class="dim">The largest {count(shown.length)} are shown.</span>
        </p>
      )}
    </section>
  );
}

function HeatCell({ cell, measure, largest }: { cell?: Cell; measure: Measure; largest: number }) {
  if (!cell) return <td class="shade0" />;
  const files = `${count(cell.files)} ${cell.files === 1 ? "file" : "files"}`;
  const said = `${cell.project}, ${cell.day}: ${count(cell.events)} events, ${bytes(cell.bytes)} in ${files}`;
  return (
    <td class={`shade${shade(cell[measure], largest)}`} title={said}>
      {measure === "events" ? short(cell.events) : bytes(cell.bytes)}
    </td>
  );
}

/** Days from the first to the last that has files. */
function spanOf({ days }: Sums): number {
  const first = days[0];
  const last = days.at(-1);
  return first && last ? (Date.parse(last) - Date.parse(first)) / 86_400_000 + 1 : 0;
}
