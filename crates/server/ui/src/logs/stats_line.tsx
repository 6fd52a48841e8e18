/** What the rows' answer took, and a download of what the filters let through. */
import { request } from "../api/client";
import { queryText } from "../api/events";
import { bytes, count } from "../format/numbers";
import { duration } from "../format/time";
import { download } from "../parts/download";
import { Popover } from "../parts/popover";
import { filterQuery } from "../state/filters";
import { filters } from "../state/logs_url";
import type { LogList } from "./log_list";
import { useState } from "preact/hooks";
import { Failed } from "../parts/states";

/** Most events of one download: what the API gives in a page. */
const DOWNLOAD_ROWS_MAX = 10_000;

export function StatsLine({ list }: { list: LogList }) {
  list.version.value;
  const { stats } = list;
  return (
    <div class="stats-line">
      <span class="dim" aria-live="polite">
        {stats &&
          `${duration(stats.total_ms)}, ${count(stats.files_opened)} of ${count(stats.files_total)} files opened, ${bytes(stats.bytes_read)} read`}
        {stats?.index?.startsWith("scan") ? ` (${stats.index})` : ""}
      </span>
      <Popover label="Download" title="Download these events">
        {(close) => <Downloads close={close} />}
      </Popover>
    </div>
  );
}

function Downloads({ close }: { close: () => void }) {
  const [problem, setProblem] = useState<unknown>();
  const save = async (format: "csv" | "ndjson") => {
    try {
      const query = [...filterQuery(filters.value), ["limit", String(DOWNLOAD_ROWS_MAX)], ["format", format]] as [string, string][];
      const response = await request(`/v1/events${queryText(query)}`);
      download(await response.blob(), `annals-events.${format}`);
      close();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <div>
      <p class="dim">The newest {count(DOWNLOAD_ROWS_MAX)} events of these filters. For more, use the SQL view.</p>
      <button type="button" onClick={() => void save("csv")}>
        CSV
      </button>{" "}
      <button type="button" onClick={() => void save("ndjson")}>
        NDJSON
      </button>
      {problem ? <Failed error={problem} /> : null}
    </div>
  );
}
