/** The statements of the Managed Sync view. */
import { quoted } from "../api/quoted";
import { payloadHolds, type Scope, where } from "./scope";

/** Syncs shown at most, those with problems first. */
export const SYNCS_MAX = 1_000;
/** Runs shown of one sync, the last of all and the last that failed. */
export const RUNS_MAX = 20;

const TYPES = ["managed_sync"];

/**
 * One row a sync. Of each event only the sync id is taken out of the payload; all else is read from the one payload that
 * is newest, or newest of a completed run, after the grouping.
 */
export function syncsSql(scope: Scope): string {
  return `with syncs as (
  select
    payload->>'syncId' as sync_id,
    max(timestamp) as newest,
    last_value(project_id order by timestamp, seq) as project_id,
    last_value(end_user_id order by timestamp, seq) as end_user_id,
    last_value(integration_id order by timestamp, seq) as integration_id,
    last_value(payload order by timestamp, seq) as newest_payload,
    count(*) filter (where message like '%sync started') as runs,
    count(*) filter (where level = 'ERROR') as errors,
    count(*) filter (where message like 'Sync rate limited%') as rate_limits,
    count(*) filter (where message like 'Sync encountered timeout%') as timeouts,
    max(timestamp) filter (where message like '%sync completed' or level = 'ERROR') as ended,
    last_value(trace_id order by timestamp, seq) filter (where message like '%sync completed' or level = 'ERROR') as ended_trace,
    last_value(level order by timestamp, seq) filter (where message like '%sync completed' or level = 'ERROR') as ended_level,
    last_value(trace_id order by timestamp, seq) filter (where message like '%sync completed') as done_trace,
    last_value(payload order by timestamp, seq) filter (where message like '%sync completed') as done_payload,
    max(timestamp) filter (where level = 'ERROR') as error_at,
    last_value(trace_id order by timestamp, seq) filter (where level = 'ERROR') as error_trace,
    last_value(message order by timestamp, seq) filter (where level = 'ERROR') as error_message,
    last_value(error order by timestamp, seq) filter (where level = 'ERROR') as error
  from events
  ${where(TYPES, scope)}
  group by payload->>'syncId'
),
told as (
  select
    sync_id, project_id, end_user_id, integration_id,
    newest_payload->>'pipeline' as pipeline,
    newest_payload->>'syncStatus' as status,
    newest_payload->>'syncEvent' as phase,
    newest, runs, errors, rate_limits, timeouts, ended, ended_trace, ended_level,
    case when done_trace = ended_trace then done_payload->'summary'->>'created' end as created,
    case when done_trace = ended_trace then done_payload->'summary'->>'updated' end as updated,
    case when done_trace = ended_trace then done_payload->'summary'->>'deleted' end as deleted,
    error_at, error_trace, error_message, error->>'message' as error_detail
  from syncs
)
select * from told
order by
  case status when 'ERRORED' then 0 when 'RATE_LIMITED' then 1 when 'DISABLED' then 2 else 3 end,
  errors desc, rate_limits + timeouts desc, newest desc
limit ${SYNCS_MAX}`;
}

/** The last runs of one sync and the last that failed, so that where a failure began is among them; a run is a trace. */
export function syncRunsSql(syncId: string, scope: Scope): string {
  const more = [...payloadHolds(syncId), `payload->>'syncId' = ${quoted(syncId)}`];
  return `with runs as (
  select
    trace_id,
    min(timestamp) as started,
    max(timestamp) as newest,
    last_value(message order by timestamp, seq) as newest_message,
    count(*) filter (where level = 'ERROR') as errors,
    last_value(payload order by timestamp, seq) filter (where message like '%sync completed') as done_payload,
    last_value(message order by timestamp, seq) filter (where level = 'ERROR') as error_message,
    last_value(error order by timestamp, seq) filter (where level = 'ERROR') as error
  from events
  ${where(TYPES, scope, more)}
  group by trace_id
),
placed as (
  select *,
    row_number() over (order by started desc) as place,
    row_number() over (partition by errors > 0 order by started desc) as place_alike
  from runs
)
select
  trace_id, started, newest, newest_message, errors,
  done_payload is not null as is_done,
  done_payload->'summary'->>'created' as created,
  done_payload->'summary'->>'updated' as updated,
  done_payload->'summary'->>'deleted' as deleted,
  error_message, error->>'message' as error_detail
from placed
where place <= ${RUNS_MAX} or (errors > 0 and place_alike <= ${RUNS_MAX})
order by started desc`;
}
