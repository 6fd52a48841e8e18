/** The statements of the Workflows view. */
import { type Scope, where } from "./scope";

/** Workflows shown at most, those with most failures first. */
export const WORKFLOWS_MAX = 200;

export const TRIGGER_TYPES = [
  "app_event",
  "request_trigger",
  "integration_enabled_trigger",
  "scheduler_trigger",
  "webhook_trigger",
] as const;

/**
 * One row a trigger type: traces by how far they came; one that failed after it submitted is in both. What a message means
 * is told by the catalogue. A schedule says nothing after it submits, so there whatever did not fail counts as submitted.
 */
export function funnelSql(scope: Scope): string {
  return `with triggers as (
  select
    e.type, e.trace_id,
    coalesce(bool_or(k.role = 'start'), false) as is_started,
    coalesce(bool_or(k.role = 'end' and e.message ilike '%submit%'), false) as is_submitted,
    coalesce(bool_or(k.role = 'failure' or e.level = 'ERROR'), false) as is_failed
  from (
    select type, trace_id, message, level
    from events
    ${where(TRIGGER_TYPES, scope, [], "      ")}
  ) e
  left join event_kinds k on k.type = e.type and k.message = e.message
  group by e.type, e.trace_id
)
select
  type,
  count(*) filter (where is_started) as started,
  count(*) filter (where is_submitted or (type = 'scheduler_trigger' and is_started and not is_failed)) as submitted,
  count(*) filter (where is_failed) as failed,
  count(*) filter (where type <> 'scheduler_trigger' and is_started and not is_submitted and not is_failed) as without_workflow
from triggers
group by type
order by started desc`;
}

/** What an execution begins with: the words of the catalogue's starts, and of `workflow_task`. */
const BEGINS = `(message like '%Trigger Started' or message in (
      'Workflow execution started', 'Webhook Trigger request received', 'Scheduler Trigger submitting workflow for execution'
    ))`;

/**
 * One row a workflow. An execution is a trace; of each only its beginning and whether it had an error is looked at. What
 * errors say is read of the errors alone.
 */
export function workflowsSql(scope: Scope): string {
  const types = [...TRIGGER_TYPES, "workflow_task"];
  return `with executions as (
  select workflow_id, trace_id, max(integration_id) as integration_id, bool_or(level = 'ERROR') as is_failed
  from events
  ${where(types, scope, ["workflow_id is not null", `(level = 'ERROR' or ${BEGINS})`])}
  group by workflow_id, trace_id
),
workflows as (
  select
    workflow_id,
    max(integration_id) as integration_id,
    count(*) as executions,
    count(*) filter (where is_failed) as failures
  from executions
  group by workflow_id
  order by failures desc, executions desc
  limit ${WORKFLOWS_MAX}
),
errors as (
  select
    workflow_id,
    max(timestamp) as failed_at,
    last_value(trace_id order by timestamp, seq) as failed_trace,
    last_value(message order by timestamp, seq) as message,
    last_value(error order by timestamp, seq) as error
  from events
  ${where(types, scope, ["workflow_id is not null", "level = 'ERROR'"])}
  group by workflow_id
)
select
  w.workflow_id, w.integration_id, w.executions, w.failures, e.failed_at, e.failed_trace,
  e.message, e.error->>'message' as error_detail
from workflows w
left join errors e on e.workflow_id = w.workflow_id
order by w.failures desc, w.executions desc`;
}
