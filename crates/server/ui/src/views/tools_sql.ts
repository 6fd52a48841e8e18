/** The statements of the ActionKit view. */
import { quoted } from "../api/quoted";
import { type Scope, where } from "./scope";

/** Tools shown at most, those with most failures first. */
export const TOOLS_MAX = 1_000;
/** Failures shown of one tool. */
export const FAILURES_MAX = 20;

const TYPES = ["actionkit"];

/** The tool of an event that ends a call: both words before its name end at the first space. */
const TOOL = "coalesce(payload->>'action', substr(message, strpos(message, ' ') + 1))";
/** What ends a call. Starts are left out before anything is read of their payloads, the largest of the three. */
const ENDED = "(message like 'Completed %' or message like 'Failed %')";
const FAILED = "message like 'Failed %'";

/** One row a tool, over the calls that ended in the range. */
export function toolsSql(scope: Scope): string {
  return `with calls as (
  select
    ${TOOL} as tool,
    message like 'Failed %' as is_failed,
    try_cast(payload->>'durationMs' as double) as duration_ms,
    timestamp, seq, trace_id, end_user_id, message, error
  from events
  ${where(TYPES, scope, [ENDED])}
),
tools as (
  select
    tool,
    count(*) as calls,
    count(*) filter (where is_failed) as failures,
    approx_percentile_cont(0.5) within group (order by duration_ms) as p50_ms,
    approx_percentile_cont(0.95) within group (order by duration_ms) as p95_ms,
    count(distinct case when is_failed then end_user_id end) as users_affected,
    max(timestamp) filter (where is_failed) as failed_at,
    last_value(trace_id order by timestamp, seq) filter (where is_failed) as failed_trace,
    last_value(message order by timestamp, seq) filter (where is_failed) as failed_message,
    last_value(error order by timestamp, seq) filter (where is_failed) as error
  from calls
  group by tool
)
select
  tool, calls, failures, p50_ms, p95_ms, users_affected, failed_at, failed_trace,
  coalesce(error->>'message', failed_message) as failure
from tools
order by failures desc, calls desc, tool
limit ${TOOLS_MAX}`;
}

/** The latest failures of one tool. */
export function toolFailuresSql(tool: string, scope: Scope): string {
  return `select
  id, timestamp, trace_id, end_user_id, integration_id,
  coalesce(error->>'message', message) as failure,
  error->>'code' as code,
  coalesce(error->>'status', payload->>'status') as http_status,
  try_cast(payload->>'durationMs' as double) as duration_ms
from events
${where(TYPES, scope, [FAILED, `${TOOL} = ${quoted(tool)}`], "  ")}
order by timestamp desc, seq desc
limit ${FAILURES_MAX}`;
}
