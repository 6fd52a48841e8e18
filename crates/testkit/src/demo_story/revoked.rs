//! Plot: since some hours a HubSpot credential can no longer be refreshed (`invalid_grant`), and every sync that needs it fails.
//! It has not recovered when the story ends.

use serde_json::{Value, json};

use super::sheet::{Execution, Failure, Sheet, exchange, time};
use super::sync::{self, MANAGED_SYNC, Pipeline, summary, trouble};
use super::{DemoStory, HOUR_US, MINUTE_US};
use crate::chance::{Chance, mix_wide};

pub(super) const USER: &str = "user-priya-raman";

const PLOT: u64 = 4;
const SYNC_ID: u64 = 1;
const RUN_ID: u64 = 2;

const EVERY_US: i64 = HOUR_US;
/// Minutes of every hour: when the credential is refreshed, and when the sync runs.
const REFRESH_AT_US: i64 = 20 * MINUTE_US;
const SYNC_AT_US: i64 = 25 * MINUTE_US;
/// A refresh or a run is over this long after it was due.
const RUN_US_MAX: i64 = 2 * MINUTE_US;
/// Nothing succeeds from this long before the end.
const REVOKED_BEFORE_END_US: i64 = 6 * HOUR_US;

const TOKEN_URL: &str = "https://api.hubapi.com/oauth/v1/token";

const INVALID_GRANT: Failure = Failure {
    status: 400,
    code: "invalid_grant",
    message: "The refresh token is missing, expired or was revoked",
    recoverable: false,
};
const UNAUTHORIZED: Failure = Failure {
    status: 401,
    code: "UNAUTHORIZED",
    message: "The access token expired or was revoked",
    recoverable: false,
};

pub(super) fn tell(story: &DemoStory, sheet: &mut Sheet) {
    let pipeline = Pipeline {
        actor: story.actor(USER, "hubspot"),
        sync: story.id([PLOT, SYNC_ID]),
        frequency: "25 * * * *",
        page_size: 100,
    };
    let mut chance = story.chance(PLOT);
    let mut synced_us = story.start_us() - EVERY_US;
    let mut hour_us = story.start_us() + (-story.start_us()).rem_euclid(EVERY_US);
    while hour_us <= story.end_us {
        for (due_us, is_refresh) in [(hour_us + REFRESH_AT_US, true), (hour_us + SYNC_AT_US, false)] {
            if due_us + RUN_US_MAX > story.end_us {
                break;
            }
            let started_us = due_us + i64::from(chance.between(1_000, 20_000)) * 1_000;
            let is_revoked = due_us >= story.end_us - REVOKED_BEFORE_END_US;
            let nth = mix_wide(&[RUN_ID, due_us as u64]) as u64;
            let run = Execution { actor: &pipeline.actor, trace: story.id([PLOT, nth]) };
            if is_refresh {
                refresh(sheet, &run, started_us, is_revoked, &mut chance);
            } else if is_revoked {
                fail(sheet, &pipeline, &run, started_us, synced_us, &mut chance);
            } else {
                synced_us = read(sheet, &pipeline, &run, started_us, synced_us, &mut chance);
            }
        }
        hour_us += EVERY_US;
    }
}

fn refresh(sheet: &mut Sheet, run: &Execution<'_>, started_us: i64, is_revoked: bool, chance: &mut Chance) {
    let kind = "user_credential";
    let payload = credential(run, started_us);
    sheet.tell(run, started_us, kind, "Attempted to refresh credential", payload.clone());
    let took_ms = chance.between(120, 480);
    let at_us = started_us + i64::from(took_ms + 5) * 1_000;
    let mut sent = exchange("POST", TOKEN_URL, if is_revoked { INVALID_GRANT.status } else { 200 }, took_ms);
    if is_revoked {
        sent["response"]["body"] = json!({ "error": INVALID_GRANT.code, "error_description": INVALID_GRANT.message });
    }
    sheet.tell(run, at_us, "workflow_task", &format!("Task Refresh token sent POST {TOKEN_URL}"), sent);
    let at_us = at_us + i64::from(chance.between(4, 20)) * 1_000;
    if is_revoked {
        sheet.fail(run, at_us, kind, "Failed to refresh credential", INVALID_GRANT, payload);
    } else {
        sheet.tell(run, at_us, kind, "Successfully refreshed credential", payload);
    }
}

/// A run that is refused at its first request.
fn fail(
    sheet: &mut Sheet,
    pipeline: &Pipeline,
    run: &Execution<'_>,
    started_us: i64,
    synced_us: i64,
    chance: &mut Chance,
) {
    let started = pipeline.payload(run.trace, sync::INCREMENTAL_STARTED, synced_us);
    sheet.tell(run, started_us, MANAGED_SYNC, "Incremental sync started", started);
    let at_us = request(sheet, pipeline, run, started_us, UNAUTHORIZED.status, chance);
    let mut payload = pipeline.payload(run.trace, sync::INCREMENTAL_ERROR, synced_us);
    payload["error"] = trouble(UNAUTHORIZED, 1, started_us + EVERY_US);
    sheet.fail(run, at_us, MANAGED_SYNC, "Sync error: Authentication Failed", UNAUTHORIZED, payload);
}

/// A run as before. Answers when it ended.
fn read(
    sheet: &mut Sheet,
    pipeline: &Pipeline,
    run: &Execution<'_>,
    started_us: i64,
    synced_us: i64,
    chance: &mut Chance,
) -> i64 {
    let started = pipeline.payload(run.trace, sync::INCREMENTAL_STARTED, synced_us);
    sheet.tell(run, started_us, MANAGED_SYNC, "Incremental sync started", started);
    let at_us = request(sheet, pipeline, run, started_us, 200, chance);
    let mut payload = pipeline.payload(run.trace, sync::INCREMENTAL_COMPLETED, synced_us);
    payload["summary"] = summary(chance.below(4), chance.below(20), chance.below(2), at_us - started_us);
    sheet.tell(run, at_us, MANAGED_SYNC, "Incremental sync completed", payload);
    at_us
}

/// One request for a page. Answers a moment after it.
fn request(
    sheet: &mut Sheet,
    pipeline: &Pipeline,
    run: &Execution<'_>,
    started_us: i64,
    status: u32,
    chance: &mut Chance,
) -> i64 {
    let took_ms = chance.between(90, 900);
    let at_us = started_us + i64::from(took_ms + 15) * 1_000;
    let url = pipeline.url();
    let sent = exchange("GET", &url, status, took_ms);
    sheet.tell(run, at_us, "workflow_task", &format!("Task Fetch page sent GET {url}"), sent);
    at_us + i64::from(chance.between(10, 600)) * 1_000
}

fn credential(run: &Execution<'_>, at_us: i64) -> Value {
    json!({
        "credential": {
            "id": run.actor.credential,
            "scheme": "oauth2",
            "account": "hubspot:48120937",
            "scopes": ["crm.objects.contacts.read", "crm.objects.contacts.write", "oauth"],
            "expiresAt": time(at_us + 10 * MINUTE_US),
        },
        "tokenEndpoint": TOKEN_URL,
        "attempt": 1,
    })
}
