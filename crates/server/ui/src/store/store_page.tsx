/** The Store page: what there is on disk, what comes in, and what was refused. */
import { quoted } from "../api/quoted";
import { runSql } from "../api/sql";
import { bytes, count } from "../format/numbers";
import { useLoaded } from "../parts/loaded";
import { SqlNote } from "../parts/sql_note";
import { Failed, Nothing, Waiting } from "../parts/states";
import { projects } from "../state/logs_url";
import { DeadLetters } from "./dead_letters";
import { CompactionDue, FileSizes } from "./file_sizes";
import { type Sums, sizesOf, sizesSql, sumsOf, sumsSql } from "./file_sums";
import { HeatMap } from "./heat_map";
import { Fact, IngestRate } from "./ingest_rate";
import "../style/views_store.css";

export function StorePage() {
  const chosen = projects.value;
  const where = chosen.length > 0 ? `project_id in (${chosen.map(quoted).join(", ")})` : "";
  const statements = { sums: sumsSql(where), sizes: sizesSql(where) };
  const found = useLoaded(where, async (signal) => {
    const [sums, sizes] = await Promise.all([runSql(statements.sums, signal), runSql(statements.sizes, signal)]);
    return { sums: sumsOf(sums.rows), classes: sizesOf(sizes.rows) };
  });
  return (
    <div class="store">
      <h1>Store</h1>
      <IngestRate />
      {found.error !== undefined && <Failed error={found.error} again={found.again} />}
      {!found.value && found.isLoading && <Waiting what="the list of files" />}
      {found.value && (
        <>
          <section aria-labelledby="totals">
            <h2 id="totals">
              In files{" "}
              <button type="button" class="quiet" disabled={found.isLoading} onClick={found.again}>
                {found.isLoading ? "Loading…" : "Load again"}
              </button>
            </h2>
            <Totals sums={found.value.sums} />
          </section>
          {found.value.sums.files === 0 ? (
            <Nothing>
              {chosen.length > 0 ? "The chosen projects have no files yet." : "There are no files yet."} Events that came in are
              in memory and in the write-ahead log until the next flush.
            </Nothing>
          ) : (
            <>
              <HeatMap sums={found.value.sums} />
              <SqlNote sql={statements.sums} />
              <div class="side-by-side">
                <div>
                  <FileSizes classes={found.value.classes} />
                  <SqlNote sql={statements.sizes} />
                </div>
                <CompactionDue sums={found.value.sums} />
              </div>
            </>
          )}
        </>
      )}
      <DeadLetters />
    </div>
  );
}

function Totals({ sums }: { sums: Sums }) {
  const most = Math.max(0, ...sums.cells.map(({ files }) => files));
  const average = sums.cells.length > 0 ? sums.files / sums.cells.length : 0;
  return (
    <div class="store-facts">
      <Fact name="Projects" value={count(sums.projects.length)} />
      <Fact name="Days" value={count(sums.days.length)} more={sums.days.length > 0 ? `${sums.days[0]} to ${sums.days.at(-1)}` : ""} />
      <Fact name="Files" value={count(sums.files)} />
      <Fact name="Events" value={count(sums.events)} />
      <Fact name="Bytes" value={bytes(sums.bytes)} />
      <Fact name="Bytes an event" value={sums.events > 0 ? (sums.bytes / sums.events).toFixed(1) : "–"} />
      <Fact name="Files a project-day" value={average.toFixed(1)} more={`${count(most)} at most`} />
    </div>
  );
}
