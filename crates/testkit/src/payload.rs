//! Writes the payload of an event: what the platform's own log shows when a row is expanded.

use crate::json_text::JsonText;
use crate::population::Population;
use crate::step::Step;
use crate::trace::Trace;
use crate::vocabulary::{CITIES, CRONS, PHRASES, STAGES, TIME_ZONES, USER_AGENTS};

/// Writes the payload of `step`, the `nth` of its trace.
pub(crate) fn write_payload(
    json: &mut JsonText<'_>,
    population: &Population,
    trace: &mut Trace,
    step: Step,
    nth: u8,
    at_us: i64,
) {
    let (kind, _, _) = step.words();
    match (kind, step) {
        ("managed_sync", _) => write_sync(json, population, trace, step, at_us),
        ("actionkit", _) => write_action(json, trace, step, at_us),
        ("workflow_task", Step::ApiRequest | Step::ApiRequestRetried | Step::ApiRequestFailed) => {
            write_request(json, trace, step, nth, at_us);
        }
        ("workflow_task", _) => write_task(json, trace, step, nth, at_us),
        ("user_credential" | "connected_user", _) => write_credential(json, population, trace, at_us),
        ("resource_request" | "destination", _) => write_resource(json, trace, step, at_us),
        _ => write_trigger(json, trace, kind, nth),
    }
}

fn write_sync(json: &mut JsonText<'_>, population: &Population, trace: &mut Trace, step: Step, at_us: i64) {
    use Step::*;
    let (event, kind, status) = match step {
        InitialSyncStarted => ("INITIAL_SYNC_STARTED", "INITIAL", "INITIALIZING"),
        InitialSyncCompleted => ("INITIAL_SYNC_COMPLETED", "INITIAL", "ACTIVE"),
        IncrementalSyncStarted => ("INCREMENTAL_SYNC_STARTED", "INCREMENTAL", "ACTIVE"),
        IncrementalSyncCompleted => ("INCREMENTAL_SYNC_COMPLETED", "INCREMENTAL", "IDLE"),
        FullSyncStarted => ("FULL_SYNC_STARTED", "FULL", "ACTIVE"),
        FullSyncCompleted => ("FULL_SYNC_COMPLETED", "FULL", "IDLE"),
        SyncRateLimited => ("SYNC_RUN_RATE_LIMITED", "INCREMENTAL", "RATE_LIMITED"),
        SyncTimedOut => ("SYNC_RUN_TIMEOUT", "INCREMENTAL", "ACTIVE"),
        SyncWarned => ("SYNC_RUN_WARNING", "INCREMENTAL", "ACTIVE"),
        FullSyncInterrupted => ("FULL_SYNC_INTERRUPTED", "FULL", "IDLE"),
        SyncWebhookUndelivered => ("SYNC_WEBHOOK_UNDELIVERED", "INCREMENTAL", "IDLE"),
        SyncPipelineInvalid | SyncDuplicate => ("SYNC_CREATION_FAILED", "INITIAL", "DISABLED"),
        _ => ("SYNC_RUN_ERROR", "INCREMENTAL", "ERRORED"),
    };
    let sync = population.sync(&trace.user, trace.integration, trace.collection);
    let (collection, _) = trace.collection();
    json.raw("{\"syncId\":\"").uuid(sync).raw("\",\"syncInstanceId\":\"").uuid(sync.rotate_left(64) ^ trace.id);
    json.raw("\",\"pipeline\":\"").raw(trace.integration().id).raw("_").raw(collection);
    json.raw("\",\"syncEvent\":\"").raw(event).raw("\",\"syncType\":\"").raw(kind);
    json.raw("\",\"syncStatus\":\"").raw(status).raw("\",\"configuration\":{\"objectType\":\"").raw(collection);
    json.raw("\",\"pageSize\":100,\"frequency\":\"").raw(CRONS[(sync >> 9) as usize % CRONS.len()]);
    json.raw("\",\"cursor\":\"").letters(trace.chance.wide(), 28);
    json.raw("\",\"lastSyncedAt\":\"")
        .time(trace.started_us - 900_000_000 - (sync >> 70) as i64 % 3_600_000_000)
        .raw("\"}");
    match step {
        InitialSyncCompleted | IncrementalSyncCompleted | FullSyncCompleted => {
            let processed = trace.records.max(1);
            let created = trace.chance.below(processed / 3 + 1);
            let updated = trace.chance.below(processed - created + 1);
            let deleted = trace.chance.below(processed / 40 + 1);
            json.raw(",\"summary\":{\"created\":").number(created.into()).raw(",\"updated\":").number(updated.into());
            json.raw(",\"deleted\":").number(deleted.into()).raw(",\"processed\":").number(processed.into());
            json.raw(",\"changes\":").number(u64::from(created + updated + deleted));
            json.raw(",\"duration\":").number(((at_us - trace.started_us) / 1_000) as u64).raw("}");
        }
        SyncRateLimited | SyncTimedOut | SyncFailed | SyncAuthenticationFailed | SyncWebhookUndelivered => {
            let (status, code, message, recoverable) = trace.failure();
            let attempt = trace.chance.between(1, 5);
            json.raw(",\"error\":{\"recoverable\":").raw(if recoverable { "true" } else { "false" });
            json.raw(",\"status\":").number(status.into()).raw(",\"code\":\"").raw(code);
            json.raw("\",\"message\":\"").raw(message).raw("\",\"retry\":{\"attempt\":").number(attempt.into());
            json.raw(",\"maxAttempts\":5,\"nextAttemptAt\":\"");
            json.time(at_us + (1_000_000_i64 << attempt) + i64::from(trace.chance.below(999_000))).raw("\"}}");
        }
        _ => {}
    }
    json.raw("}");
}

fn write_action(json: &mut JsonText<'_>, trace: &mut Trace, step: Step, at_us: i64) {
    json.raw("{\"action\":\"")
        .raw(trace.action())
        .raw("\",\"tool\":\"actionkit\",\"meta\":{\"requestId\":\"")
        .uuid(trace.id);
    json.raw("\",\"client\":\"").raw(USER_AGENTS[(trace.user.traits >> 40) as usize % USER_AGENTS.len()]).raw("\"}");
    match step {
        Step::ActionStarted => {
            json.raw(",\"parameters\":");
            write_record(json, trace, at_us);
        }
        Step::ActionCompleted => {
            json.raw(",\"status\":200,\"durationMs\":").number(((at_us - trace.started_us) / 1_000) as u64);
            json.raw(",\"result\":{\"success\":true,\"id\":\"").letters(trace.id >> 3, 18).raw("\",\"matches\":");
            json.number(trace.records.into()).raw(",\"url\":\"https://").raw(trace.integration().host);
            json.raw(trace.collection().1).raw("/").letters(trace.id >> 3, 18).raw("\"}");
        }
        _ => {
            let (status, code, message, retryable) = trace.failure();
            json.raw(",\"status\":").number(status.into()).raw(",\"durationMs\":");
            json.number(((at_us - trace.started_us) / 1_000) as u64).raw(",\"retryable\":");
            json.raw(if retryable { "true" } else { "false" }).raw(",\"response\":{\"errors\":[{\"errorCode\":\"");
            json.raw(code).raw("\",\"message\":\"").raw(message).raw("\",\"fields\":[]}],\"traceparent\":\"00-");
            json.hex(trace.id, 32).raw("-").hex(trace.chance.wide(), 16).raw("-01\"}");
        }
    }
    json.raw("}");
}

/// An outbound request of a workflow, an action or a sync.
fn write_request(json: &mut JsonText<'_>, trace: &mut Trace, step: Step, nth: u8, at_us: i64) {
    let (_, path) = trace.collection();
    let sends = trace.story.has_workflow() || trace.chance.happens(300);
    let count = if sends { 1 } else { trace.chance.between(1, 100) };
    json.raw("{\"request\":{\"method\":\"").raw(if sends { "POST" } else { "GET" }).raw("\",\"url\":\"https://");
    json.raw(trace.integration().host).raw(path);
    if !sends {
        json.raw("?limit=100&after=").letters(trace.chance.wide(), 16);
    }
    json.raw(
        "\",\"headers\":{\"accept\":\"application/json\",\"authorization\":\"Bearer [redacted]\",\"user-agent\":\"",
    );
    json.raw(USER_AGENTS[trace.project as usize % USER_AGENTS.len()]).raw("\",\"x-request-id\":\"");
    json.hex(trace.id >> 64, 16).raw("-").number(u64::from(nth)).raw("\"}");
    if sends {
        json.raw(",\"body\":");
        write_record(json, trace, at_us);
    }
    let status = match step {
        Step::ApiRequest => {
            if sends {
                201
            } else {
                200
            }
        }
        Step::ApiRequestRetried => trace.chance.pick(&[429, 502, 503]),
        _ => trace.failure().0,
    };
    json.raw("},\"response\":{\"statusCode\":").number(status.into()).raw(",\"durationMs\":");
    let slow = trace.chance.between(1, 6);
    json.number(u64::from(trace.chance.between(18, 90 * slow * slow)))
        .raw(",\"headers\":{\"content-type\":\"application/json\"");
    json.raw(",\"x-ratelimit-remaining\":\"")
        .number(u64::from(trace.chance.below(10_000)))
        .raw("\",\"x-amzn-trace-id\":\"Root=1-");
    json.hex((at_us / 1_000_000) as u128, 8).raw("-").hex(trace.chance.wide(), 24).raw("\"},\"bytes\":");
    json.number(u64::from(count) * 412 + u64::from(trace.chance.below(400)));
    if step == Step::ApiRequest {
        trace.records += count;
        json.raw(",\"records\":").number(count.into());
    } else {
        let (_, code, message, _) = trace.failure();
        json.raw(",\"body\":{\"status\":\"error\",\"category\":\"").raw(code).raw("\",\"message\":\"").raw(message);
        json.raw("\",\"correlationId\":\"").uuid(trace.chance.wide()).raw("\"}");
    }
    json.raw("}}");
}

fn write_task(json: &mut JsonText<'_>, trace: &mut Trace, step: Step, nth: u8, at_us: i64) {
    json.raw("{\"executionId\":\"").uuid(trace.id.rotate_left(32));
    json.raw("\",\"workflowVersion\":").number((trace.workflow >> 90) as u64 % 40 + 1);
    if matches!(step, Step::WorkflowStarted | Step::WorkflowCompleted | Step::WorkflowFailed) {
        json.raw(",\"steps\":").number((trace.workflow >> 80) as u64 % 9 + 2).raw(",\"durationMs\":");
        json.number(((at_us - trace.started_us) / 1_000) as u64)
            .raw(",\"triggeredBy\":\"")
            .raw(trace.event_name())
            .raw("\"}");
        return;
    }
    json.raw(",\"task\":{\"id\":\"").uuid(trace.workflow.rotate_left(17 + 7 * u32::from(nth / 4)));
    json.raw("\",\"name\":\"").raw(trace.task_name(nth)).raw("\",\"type\":\"INTEGRATION_ACTION\",\"attempt\":1}");
    json.raw(if step == Step::TaskStarted { ",\"input\":" } else { ",\"output\":" });
    write_record(json, trace, at_us);
    json.raw("}");
}

fn write_credential(json: &mut JsonText<'_>, population: &Population, trace: &mut Trace, at_us: i64) {
    let credential = population.credential(&trace.user, trace.integration);
    json.raw("{\"credential\":{\"id\":\"").uuid(credential).raw("\",\"scheme\":\"oauth2\",\"account\":\"");
    json.lower(trace.integration().id).raw(":").number((credential >> 60) as u64 % 90_000_000 + 10_000_000);
    json.raw("\",\"scopes\":[\"read\",\"write\",\"offline_access\"],\"expiresAt\":\"");
    json.time(at_us + 3_600_000_000 - i64::from(trace.chance.below(60_000_000)));
    json.raw("\"},\"tokenEndpoint\":\"https://").raw(trace.integration().host).raw("/oauth/v1/token\",\"attempt\":1}");
}

fn write_resource(json: &mut JsonText<'_>, trace: &mut Trace, step: Step, at_us: i64) {
    let (collection, _) = trace.collection();
    json.raw("{\"resource\":{\"id\":\"res_").letters(trace.user.persona >> 7, 16).raw("\",\"name\":\"").raw(collection);
    json.raw("\"},\"request\":{\"method\":\"POST\",\"path\":\"/v1/resources/")
        .raw(collection)
        .raw("/")
        .letters(trace.id, 12);
    json.raw("\",\"sourceIp\":\"").number((trace.user.traits >> 11) % 190 + 11).raw(".");
    json.number((trace.user.traits >> 21) % 256).raw(".").number((trace.user.traits >> 31) % 256).raw(".");
    json.number(u64::from(trace.chance.below(254)) + 1)
        .raw("\",\"bytes\":")
        .number(u64::from(trace.chance.between(200, 9_000)));
    json.raw("}");
    if matches!(step, Step::ResourceReceived) {
        json.raw(",\"body\":");
        write_record(json, trace, at_us);
    } else {
        json.raw(",\"response\":{\"statusCode\":");
        let failed = matches!(step, Step::ResourceFailed | Step::DeliveryFailed | Step::DeliveryRetried);
        json.number(if failed { trace.failure().0.into() } else { 202 });
        json.raw(",\"durationMs\":").number(u64::from(trace.chance.between(3, 480))).raw("}");
    }
    json.raw("}");
}

fn write_trigger(json: &mut JsonText<'_>, trace: &mut Trace, kind: &str, nth: u8) {
    json.raw("{\"eventId\":\"").ulid(trace.started_us, trace.id).raw("\",\"triggerType\":\"").raw(match kind {
        "app_event" => "APP_EVENT",
        "request_trigger" => "REQUEST",
        "integration_enabled_trigger" => "INTEGRATION_ENABLED",
        "scheduler_trigger" => "SCHEDULER",
        _ => "WEBHOOK",
    });
    json.raw("\",\"triggerSubscriptionId\":\"").uuid(trace.workflow.rotate_left(48));
    json.raw("\",\"dateReceived\":\"").time(trace.started_us).raw("\"");
    if kind == "scheduler_trigger" {
        json.raw(",\"schedule\":{\"cron\":\"").raw(CRONS[(trace.workflow >> 33) as usize % CRONS.len()]);
        json.raw("\",\"timeZone\":\"").raw(TIME_ZONES[(trace.workflow >> 43) as usize % TIME_ZONES.len()]);
        json.raw("\",\"missed\":0}}");
        return;
    }
    if nth == 0 || kind == "webhook_trigger" {
        json.raw(",\"body\":");
        let started_us = trace.started_us;
        write_record(json, trace, started_us);
        json.raw("}");
        return;
    }
    let workflows = (trace.workflow >> 50) as u64 % 3 + 1;
    json.raw(",\"workflows\":[");
    for place in 0..workflows {
        json.raw(if place == 0 { "{\"id\":\"" } else { ",{\"id\":\"" })
            .uuid(trace.workflow.rotate_right(place as u32 * 8));
        json.raw("\",\"executionId\":\"").uuid(trace.id.rotate_left(32 + place as u32)).raw("\"}");
    }
    json.raw("]}");
}

/// A business record as an integration's API has it.
fn write_record(json: &mut JsonText<'_>, trace: &mut Trace, at_us: i64) {
    let person = trace.draw_person();
    json.raw("{\"id\":\"").letters(trace.chance.wide(), 18).raw("\",\"firstName\":\"").raw(person.first);
    json.raw("\",\"lastName\":\"")
        .raw(person.last)
        .raw("\",\"email\":\"")
        .lower(person.first)
        .raw(".")
        .lower(person.last);
    json.raw("@").raw(person.domain).raw("\",\"company\":{\"name\":\"").raw(person.company).raw("\",\"city\":\"");
    json.raw(trace.chance.pick(CITIES)).raw("\",\"employees\":").number(u64::from(trace.chance.between(3, 4_000)));
    json.raw("},\"phone\":\"+1-").padded(u64::from(trace.chance.between(200, 999)), 3).raw("-555-");
    json.padded(u64::from(trace.chance.below(10_000)), 4).raw("\",\"stage\":\"").raw(trace.chance.pick(STAGES));
    json.raw("\",\"amount\":")
        .number(u64::from(trace.chance.below(250_000)))
        .raw(".")
        .padded(u64::from(trace.chance.below(100)), 2);
    json.raw(",\"notes\":\"").raw(trace.chance.pick(PHRASES)).raw("\",\"updatedAt\":\"");
    json.time(at_us - i64::from(trace.chance.below(86_400)) * 1_000_000).raw("\"}");
}
