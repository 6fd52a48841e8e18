/** What comes in at this moment, and how far the table is behind. Sampled only while the page is looked at. */
import { useEffect, useState } from "preact/hooks";
import { isAborted, request } from "../api/client";
import { bytes, count } from "../format/numbers";
import { duration } from "../format/time";
import { Failed, Waiting } from "../parts/states";
import { parseOpenMetrics } from "./open_metrics";
import { added, lag, rates, SAMPLE_MS, type Standing, standingOf } from "./rates";
import { Sparkline } from "./sparkline";

interface Watched {
  standings: Standing[];
  error?: unknown;
}

function useStandings(): Watched {
  const [watched, setWatched] = useState<Watched>({ standings: [] });
  useEffect(() => {
    const stop = new AbortController();
    let isAsking = false;
    const sample = async () => {
      if (document.visibilityState !== "visible" || isAsking) return;
      isAsking = true;
      try {
        const response = await request("/metrics", { signal: stop.signal });
        const standing = standingOf(parseOpenMetrics(await response.text()), Date.now());
        setWatched(({ standings }) => ({ standings: added(standings, standing) }));
      } catch (error) {
        if (!isAborted(error)) setWatched(({ standings }) => ({ standings, error }));
      }
      isAsking = false;
    };
    void sample();
    const timer = setInterval(sample, SAMPLE_MS);
    document.addEventListener("visibilitychange", sample);
    return () => {
      stop.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", sample);
    };
  }, []);
  return watched;
}

export function IngestRate() {
  const { standings, error } = useStandings();
  const now = standings.at(-1);
  return (
    <section aria-labelledby="ingest">
      <h2 id="ingest">Coming in</h2>
      {error !== undefined && <Failed error={error} />}
      {!now && error === undefined && <Waiting what="the server's metrics" />}
      {now && <Standings standings={standings} now={now} />}
    </section>
  );
}

function Standings({ standings, now }: { standings: Standing[]; now: Standing }) {
  const steps = rates(standings);
  const latest = steps.at(-1);
  const behind = lag(standings);
  const rate = (value: number | undefined) => (value === undefined ? "…" : `${perSecond(value)}/s`);
  return (
    <>
      {now.isFailing && (
        <p class="state failed" role="alert">
          The writer is closed, or its last flush failed. The server's log says why.
        </p>
      )}
      <div class="store-facts">
        <Fact name="Accepted" value={rate(latest?.accepted)} more={`${count(now.accepted)} since the start`} />
        <Fact name="Duplicates" value={rate(latest?.duplicates)} more={`${count(now.duplicates)} since the start`} />
        <Fact name="Refused" value={rate(latest?.refused)} more={`${count(now.refused)} since the start`} />
        <Fact
          name="Bytes"
          value={latest ? `${bytes(Math.round(latest.bytes))}/s` : "…"}
          more={`${bytes(now.bytes)} since the start`}
        />
        <Fact
          name="Waiting for a flush"
          value={now.waitingRows === undefined ? "no store open" : `${count(now.waitingRows)} rows`}
          more={now.waitingBytes === undefined ? "" : `${bytes(now.waitingBytes)} in memory`}
        />
        {behind && (
          <Fact
            name="Flush lag"
            value={behind.events === 0 ? "none" : `at least ${duration(behind.waitedMs)}`}
            more={behind.events === 0 ? "every event is in the table" : "this long the page saw the oldest row wait"}
          />
        )}
        {now.walBytes !== undefined && <Fact name="Write-ahead log" value={bytes(now.walBytes)} more="on disk" />}
      </div>
      <Sparkline
        what="Events accepted a second over the last five minutes"
        values={steps.map((step) => step?.accepted)}
        places={60}
        format={perSecond}
      />
    </>
  );
}

export function Fact({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <dl class="store-fact">
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        {more && <span class="dim">{more}</span>}
      </dd>
    </dl>
  );
}

function perSecond(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value));
}
