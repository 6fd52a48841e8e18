import { expect, test } from "vitest";
import { parseOpenMetrics, sumOf } from "./open_metrics";

const TEXT = `# HELP annals_events_accepted Events stored.
# TYPE annals_events_accepted counter
annals_events_accepted_total{source="http"} 3
annals_events_accepted_total{source="otlp_grpc"} 4 1520879607.789
annals_request_seconds_bucket{le="+Inf",route="/v1/a}b \\"c\\\\\\n"} 1 # {trace_id="x"} 0.67
annals_start_time_seconds 1780000000.5
annals_big 1e+300
annals_inf +Inf
annals_none NaN
not a sample
# EOF
`;

test("names, labels and values", () => {
  const samples = parseOpenMetrics(TEXT);
  expect(samples.map(({ name, value }) => [name, value])).toEqual([
    ["annals_events_accepted_total", 3],
    ["annals_events_accepted_total", 4],
    ["annals_request_seconds_bucket", 1],
    ["annals_start_time_seconds", 1780000000.5],
    ["annals_big", 1e300],
    ["annals_inf", Number.POSITIVE_INFINITY],
  ]);
  expect(samples[2]?.labels).toEqual({ le: "+Inf", route: '/v1/a}b "c\\\n' });
});

test("sums are over all labels", () => {
  const samples = parseOpenMetrics(TEXT);
  expect(sumOf(samples, "annals_events_accepted_total")).toBe(7);
  expect(sumOf(samples, "annals_events_accepted")).toBeUndefined();
});

test("an empty text has no samples", () => {
  expect(parseOpenMetrics("")).toEqual([]);
});
