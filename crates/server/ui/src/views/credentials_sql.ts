/** The statements of the Credentials view. No payload is read by any of them. */
import { type Scope, where } from "./scope";

/** Failing credentials shown at most, those that fail longest first. */
export const FAILING_MAX = 1_000;

const TYPES = ["user_credential"];

/** How a refresh ended: an error, or the words of success. An attempt under way is neither. */
const FAILED = "(level = 'ERROR' or message like 'Failed %')";

/** One row an integration. */
export function refreshesSql(scope: Scope): string {
  return `select
  integration_id,
  count(*) filter (where message like 'Attempted %') as attempts,
  count(*) filter (where message like 'Successfully %') as refreshed,
  count(*) filter (where ${FAILED}) as failures,
  count(distinct case when ${FAILED} then connect_credential_id end) as credentials_affected,
  max(timestamp) filter (where ${FAILED}) as failed_at
from events
${where(TYPES, scope, [], "  ")}
group by integration_id
order by failures desc, attempts desc`;
}

/**
 * One row a credential whose last refresh failed, with the first failure since it last succeeded. A credential without an
 * id is told by its project, user and integration.
 */
export function failingSql(scope: Scope): string {
  return `with ends as (
  select
    coalesce(connect_credential_id, concat_ws('/', project_id, end_user_id, integration_id)) as holder,
    ${FAILED} as is_failed,
    timestamp, seq, project_id, end_user_id, integration_id, connect_credential_id, trace_id, message, error
  from events
  ${where(TYPES, scope, ["message not like 'Attempted %'"])}
),
successes as (
  select holder, max(timestamp) as succeeded_at
  from ends
  where not is_failed
  group by holder
),
failing as (
  select
    e.holder,
    last_value(e.project_id order by e.timestamp, e.seq) as project_id,
    last_value(e.end_user_id order by e.timestamp, e.seq) as end_user_id,
    last_value(e.integration_id order by e.timestamp, e.seq) as integration_id,
    last_value(e.connect_credential_id order by e.timestamp, e.seq) as connect_credential_id,
    max(s.succeeded_at) as succeeded_at,
    min(e.timestamp) as failing_since,
    max(e.timestamp) as failed_at,
    count(*) as failures,
    last_value(e.trace_id order by e.timestamp, e.seq) as failed_trace,
    last_value(e.message order by e.timestamp, e.seq) as message,
    last_value(e.error order by e.timestamp, e.seq) as error
  from ends e
  left join successes s on s.holder = e.holder
  where e.is_failed and (s.succeeded_at is null or e.timestamp > s.succeeded_at)
  group by e.holder
)
select
  holder, project_id, end_user_id, integration_id, connect_credential_id, succeeded_at, failing_since, failed_at, failures,
  failed_trace, coalesce(error->>'message', message) as failure, error->>'code' as code
from failing
order by failing_since
limit ${FAILING_MAX}`;
}
