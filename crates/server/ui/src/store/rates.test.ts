import { expect, test } from "vitest";
import { parseOpenMetrics } from "./open_metrics";
import { added, lag, rates, ratesBetween, type Standing, standingOf } from "./rates";

const at = (atMs: number, more: Partial<Standing> = {}): Standing => ({
  atMs,
  accepted: 0,
  duplicates: 0,
  refused: 0,
  bytes: 0,
  isFailing: false,
  ...more,
});

test("metrics become a standing, sources summed, absent counters nothing", () => {
  const text = 'annals_events_accepted_total{source="a"} 1\nannals_events_accepted_total{source="b"} 2\nannals_memtable_rows 7\n';
  const standing = standingOf(parseOpenMetrics(`${text}annals_writer_failing 1\nannals_watermark_lsn 5\n`), 9);
  expect(standing).toMatchObject({ atMs: 9, accepted: 3, refused: 0, bytes: 0, waitingRows: 7, watermark: 5, isFailing: true });
  expect(standing.walBytes).toBeUndefined();
});

test("rates are by the second", () => {
  const found = ratesBetween(at(0), at(5_000, { accepted: 50, bytes: 500, refused: 5 }));
  expect(found).toEqual({ accepted: 10, duplicates: 0, refused: 1, bytes: 100 });
});

test("a restart and a gap have no rate", () => {
  expect(ratesBetween(at(0, { accepted: 9 }), at(5_000))).toBeUndefined();
  expect(ratesBetween(at(0), at(60_000, { accepted: 9 }))).toBeUndefined();
  expect(ratesBetween(at(5), at(5))).toBeUndefined();
  expect(rates([at(0), at(5_000, { accepted: 5 }), at(90_000, { accepted: 6 })])).toEqual([
    { accepted: 1, duplicates: 0, refused: 0, bytes: 0 },
    undefined,
  ]);
});

test("five minutes are kept", () => {
  let standings: Standing[] = [];
  for (let n = 0; n < 100; n += 1) standings = added(standings, at(n * 5_000));
  expect(standings).toHaveLength(61);
  expect(standings.at(-1)?.atMs).toBe(495_000);
});

test("lag is what waits, and since when that was seen", () => {
  const store = (nextLsn: number, watermark: number, waitingRows: number) => ({ nextLsn, watermark, waitingRows });
  const standings = [at(0, store(11, 10, 0)), at(5_000, store(21, 10, 10)), at(10_000, store(31, 10, 20))];
  expect(lag(standings)).toEqual({ events: 20, waitedMs: 5_000 });
  expect(lag([...standings, at(15_000, store(36, 30, 5))])).toEqual({ events: 5, waitedMs: 0 });
  expect(lag([...standings, at(15_000, store(36, 35, 0))])).toEqual({ events: 0, waitedMs: 0 });
  expect(lag([at(0)])).toBeUndefined();
});
