//! Writes one event: the members that every event has, in the order of the event model, then its payload.

use crate::json_text::JsonText;
use crate::payload::write_payload;
use crate::population::Population;
use crate::script::Story;
use crate::step::{Severity, Step};
use crate::trace::Trace;
use crate::vocabulary::{REGIONS, SYNC_WARNINGS};

/// Writes the event of `step`, the `nth` of its trace, as one line.
pub(crate) fn write_event(
    out: &mut Vec<u8>,
    population: &Population,
    trace: &mut Trace,
    step: Step,
    nth: u8,
    at_us: i64,
) {
    let (kind, severity, message) = step.words();
    let project = population.project(trace.project);
    let mut json = JsonText(out);
    json.raw("{\"timestamp\":\"").time(at_us).raw("\",\"level\":\"").raw(severity.as_str());
    json.raw("\",\"type\":\"").raw(kind).raw("\",\"message\":\"");
    match message.split_once("{}") {
        Some((before, after)) => {
            json.raw(before);
            write_parameter(&mut json, trace, step, nth);
            json.raw(after);
        }
        None => {
            json.raw(message);
        }
    }
    json.raw("\",\"projectId\":\"").uuid(project.id);
    json.raw("\",\"personaId\":\"").uuid(trace.user.persona);
    json.raw("\",\"endUserId\":\"");
    trace.user.write_id(project, &mut json);
    if uses_credential(trace.story, step) {
        json.raw("\",\"connectCredentialId\":\"").uuid(population.credential(&trace.user, trace.integration));
        let config = population.credential_config(trace.project, trace.integration);
        json.raw("\",\"connectCredentialConfigId\":\"").uuid(config);
    }
    if trace.story.has_workflow() {
        json.raw("\",\"workflowId\":\"").uuid(trace.workflow);
    }
    json.raw("\",\"traceId\":\"").uuid(trace.id);
    json.raw("\",\"integrationId\":\"").raw(trace.integration().id);
    if trace.story == Story::Webhook && kind == "webhook_trigger" {
        json.raw("\",\"webhookId\":\"").uuid(population.webhook(trace.project, trace.integration));
    }
    if kind == "app_event" {
        json.raw("\",\"eventId\":\"").ulid(trace.started_us, trace.id);
        json.raw("\",\"eventName\":\"").raw(trace.event_name());
    }
    if let Some(status) = status(step, severity) {
        json.raw("\",\"status\":\"").raw(status);
    }
    json.raw("\"");
    if severity == Severity::Error {
        write_error(&mut json, trace);
    }
    json.raw(",\"payload\":");
    write_payload(&mut json, population, trace, step, nth, at_us);
    // One project in four adds members of its own.
    if project.habits >> 20 & 3 == 0 {
        json.raw(",\"environment\":\"production\",\"region\":\"");
        json.raw(REGIONS[(project.habits >> 30) as usize % REGIONS.len()]);
        json.raw("\",\"worker\":\"exec-").hex(trace.id >> 40 & 0x1f, 2).raw("\"");
    }
    json.raw("}\n");
}

fn write_parameter(json: &mut JsonText<'_>, trace: &mut Trace, step: Step, nth: u8) {
    match step {
        Step::AppEventUnconfigured => json.raw(trace.event_name()),
        Step::ActionStarted | Step::ActionCompleted | Step::ActionFailed => json.raw(trace.action()),
        Step::SyncRateLimited => json.number(u64::from(trace.chance.pick(&[15_u32, 30, 60, 120, 300]))),
        Step::SyncTimedOut => json.number(u64::from(trace.chance.pick(&[5_u32, 10, 20, 40]))),
        Step::SyncWarned => json.raw(trace.chance.pick(SYNC_WARNINGS)),
        Step::TaskStarted | Step::TaskCompleted | Step::TaskFailed => json.raw(trace.task_name(nth)),
        Step::ApiRequest => json.raw("to ").raw(trace.integration().host).raw(trace.collection().1),
        _ => json.raw(trace.failure().2),
    };
}

/// Scheduler and resource steps come before any credential is used.
fn uses_credential(story: Story, step: Step) -> bool {
    story != Story::Destination
        && !matches!(
            step,
            Step::SchedulerSubmitting | Step::SchedulerFailed | Step::ResourceReceived | Step::RequestStarted
        )
}

fn status(step: Step, severity: Severity) -> Option<&'static str> {
    use Step::*;
    match (severity, step) {
        (Severity::Error, _) => Some("EVENT_STATUS.FAILED"),
        (Severity::Warn, SyncRateLimited | SyncTimedOut | ApiRequestRetried | DeliveryRetried) => {
            Some("EVENT_STATUS.RETRYING")
        }
        (
            Severity::Info,
            CredentialRefreshed
            | AppEventSubmitted
            | RequestSubmitted
            | EnabledSubmitted
            | WebhookRecordsSubmitting
            | WebhookAppSubmitting
            | WebhookResourceSubmitting
            | ActionCompleted
            | InitialSyncCompleted
            | IncrementalSyncCompleted
            | FullSyncCompleted
            | WorkflowCompleted
            | TaskCompleted
            | ApiRequest
            | ResourceCompleted
            | DeliveryCompleted,
        ) => Some("EVENT_STATUS.SUCCEEDED"),
        _ => None,
    }
}

/// The `error` member of a failed step: what the platform's own libraries throw.
fn write_error(json: &mut JsonText<'_>, trace: &mut Trace) {
    let (status, code, message, _) = trace.failure();
    json.raw(",\"error\":{\"name\":\"IntegrationError\",\"message\":\"").raw(message);
    json.raw("\",\"code\":\"").raw(code).raw("\",\"status\":").number(u64::from(status));
    json.raw(",\"meta\":{\"requestId\":\"").uuid(trace.id);
    json.raw("\",\"upstreamRequestId\":\"").letters(trace.chance.wide(), 22).raw("\"}");
    if trace.chance.happens(400) {
        json.raw(",\"stack\":\"IntegrationError: ").raw(message);
        for (place, (function, file)) in
            [("Client.send", "http/client"), ("Task.run", "workflow/task"), ("Executor.step", "workflow/executor")]
                .into_iter()
                .enumerate()
        {
            let line = u64::from(trace.failure) * 37 + place as u64 * 113 + 41;
            json.raw("\\n    at ").raw(function).raw(" (/app/dist/").raw(file).raw(".js:");
            json.number(line).raw(":").number(line % 61 + 5).raw(")");
        }
        json.raw("\"");
    }
    json.raw("}");
}
