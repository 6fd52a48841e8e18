/** How large the files are, and what a compaction would take. */
import { bytes, count, percent } from "../format/numbers";
import { compaction, type SizeClass, SIZE_CLASSES, SMALL_BYTES, SMALL_FILES_MAX, type Sums } from "./file_sums";

/** Project-days that are named. */
const NAMED_MAX = 20;

export function FileSizes({ classes }: { classes: SizeClass[] }) {
  const files = classes.reduce((sum, found) => sum + found.files, 0);
  const most = Math.max(1, ...classes.map((found) => found.files));
  return (
    <section aria-labelledby="sizes">
      <h2 id="sizes">File sizes</h2>
      <div class="table-box" tabIndex={0} role="region" aria-label="File sizes">
        <table class="data sizes">
          <thead>
            <tr>
              <th scope="col">Size</th>
              <th scope="col" class="number">Files</th>
              <th scope="col" class="number">Share</th>
              <th scope="col" class="number">Bytes</th>
              <th scope="col" aria-hidden="true" />
            </tr>
          </thead>
          <tbody>
            {classes.map((found, at) => (
              <tr key={at}>
                <th scope="row">{className(at)}</th>
                <td class="number">{count(found.files)}</td>
                <td class="number">{percent(found.files, files)}</td>
                <td class="number">{bytes(found.bytes)}</td>
                <td class="size-bar" aria-hidden="true">
                  <div style={{ width: found.files > 0 ? `max(2px, ${(100 * found.files) / most}%)` : "0" }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function className(at: number): string {
  const low = SIZE_CLASSES[at - 1];
  const high = SIZE_CLASSES[at];
  if (low === undefined) return `up to ${bytes(high ?? 0)}`;
  return high === undefined ? `more than ${bytes(low)}` : `${bytes(low)} to ${bytes(high)}`;
}

export function CompactionDue({ sums }: { sums: Sums }) {
  const due = compaction(sums);
  return (
    <section aria-labelledby="compaction">
      <h2 id="compaction">Compaction</h2>
      {due.cells.length === 0 ? (
        <p>
          Nothing is due: no project has more than {SMALL_FILES_MAX} files of up to {bytes(SMALL_BYTES)} on a day.
        </p>
      ) : (
        <>
          <p>
            {count(due.files)} files, {bytes(due.bytes)}, would be merged: those of up to {bytes(SMALL_BYTES)} on the{" "}
            {count(due.cells.length)} project-days that have more than {SMALL_FILES_MAX} of them.{" "}
            <span class="dim">
              <code>annals compact --dry-run</code> says it exactly.
            </span>
          </p>
          <div class="table-box" tabIndex={0} role="region" aria-label="Project-days to compact">
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">Project</th>
                  <th scope="col">Day</th>
                  <th scope="col" class="number">Small files</th>
                  <th scope="col" class="number">Bytes</th>
                  <th scope="col" class="number">All files</th>
                </tr>
              </thead>
              <tbody>
                {due.cells.slice(0, NAMED_MAX).map((cell) => (
                  <tr key={`${cell.project} ${cell.day}`}>
                    <td>{cell.project}</td>
                    <td>{cell.day}</td>
                    <td class="number">{count(cell.smallFiles)}</td>
                    <td class="number">{bytes(cell.smallBytes)}</td>
                    <td class="number">{count(cell.files)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {due.cells.length > NAMED_MAX && <p class="dim">And {count(due.cells.length - NAMED_MAX)} more project-days.</p>}
        </>
      )}
    </section>
  );
}
