/** The funnel of each trigger type: bars of how many traces started, submitted, failed, with numbers and shares. */
import type { Row } from "../api/types";
import { count, percent } from "../format/numbers";
import { eventsHref } from "./cells";
import { countOf, spoken, textOf } from "./row_values";

interface Stage {
  name: string;
  column: string;
  /** Its bar's colour. */
  class: string;
  /** Left out when nothing is counted. */
  isRare?: boolean;
}

const STAGES: Stage[] = [
  { name: "Started", column: "started", class: "started" },
  { name: "Submitted", column: "submitted", class: "submitted" },
  { name: "Failed", column: "failed", class: "failed" },
  { name: "No workflow", column: "without_workflow", class: "idle", isRare: true },
];

export function Funnel({ rows }: { rows: Row[] }) {
  return (
    <div class="funnels">
      {rows.map((row) => (
        <TriggerFunnel key={textOf(row, "type")} row={row} />
      ))}
    </div>
  );
}

function TriggerFunnel({ row }: { row: Row }) {
  const type = textOf(row, "type");
  const name = spoken(type);
  const started = countOf(row, "started");
  // Where the start lies before the range, more may have ended than started.
  const widest = Math.max(1, ...STAGES.map(({ column }) => countOf(row, column)));
  return (
    <section class="funnel" aria-label={name}>
      <h3>{name}</h3>
      <dl>
        {STAGES.filter(({ column, isRare }) => !isRare || countOf(row, column) > 0).map((stage) => {
          const n = countOf(row, stage.column);
          const isBad = stage.column === "failed" && n > 0;
          return (
            <div key={stage.column}>
              <dt class={isBad ? "failed-word" : undefined}>{stage.name}</dt>
              <dd>
                <span class="bar-box" aria-hidden="true">
                  <span class={`bar ${stage.class}`} style={{ width: `${(100 * n) / widest}%` }} />
                </span>
                <span class="number">{count(n)}</span>
                <span class="number share">{stage.column === "started" ? "" : percent(n, started)}</span>
              </dd>
            </div>
          );
        })}
      </dl>
      <p>
        <a href={eventsHref({ type: [type] })} aria-label={`Events: ${name}`}>
          Events
        </a>{" "}
        {countOf(row, "failed") > 0 && (
          <a href={eventsHref({ type: [type], level: ["ERROR"] })} aria-label={`Errors: ${name}`}>
            Errors
          </a>
        )}
      </p>
    </section>
  );
}
