//! Plot: a Salesforce sync fails all Tuesday morning, since an import of the same user has used up the daily quota of API calls.
//!
//! Every half hour of the week an incremental sync, every night a full one. On the failure day (UTC): 08:04 to 08:26 the
//! import; from 08:30 on every run backs off and fails; 12:30 a full sync is interrupted; 14:06 the quota is raised; 14:30 a run
//! catches up.

use annals_event::DAY_US;
use serde_json::{Value, json};

use super::sheet::{Execution, Failure, Sheet, exchange, letters, time, ulid, uuid};
use super::sync::{self, MANAGED_SYNC, Phase, Pipeline, summary, trouble};
use super::{DemoStory, HOUR_US, MINUTE_US, SECOND_US};
use crate::chance::{Chance, mix_wide};

pub(super) const USER: &str = "user-mira-okafor";

const PLOT: u64 = 1;
const SYNC_ID: u64 = 1;
const WORKFLOW_ID: u64 = 2;
const IMPORT_ID: u64 = 3;
const SETTINGS_ID: u64 = 4;
const RUN_ID: u64 = 5;

const EVERY_US: i64 = 30 * MINUTE_US;
/// A quiet run, or a nightly one, is over this long after it was due.
const RUN_US_MAX: i64 = 20 * MINUTE_US;
/// Hour of every day.
const NIGHTLY_AT_US: i64 = 2 * HOUR_US;

// Hours of the failure day.
const IMPORT_AT_US: i64 = 8 * HOUR_US + 4 * MINUTE_US;
pub(super) const LIMITED_FROM_US: i64 = 8 * HOUR_US + 30 * MINUTE_US;
const FULL_AT_US: i64 = 12 * HOUR_US + 30 * MINUTE_US;
const RAISED_AT_US: i64 = 14 * HOUR_US + 6 * MINUTE_US;
pub(super) const RECOVERED_AT_US: i64 = 14 * HOUR_US + 30 * MINUTE_US;
/// The calls of the import count for a day.
const IMPORT_FORGOTTEN_US: i64 = DAY_US + LIMITED_FROM_US;

/// API calls a day: before and after the quota was raised.
const QUOTA: u32 = 100_000;
const QUOTA_RAISED: u32 = 200_000;
/// API calls of the day when the import began and when it ended.
const USED_BEFORE: u32 = 46_210;
const USED_AFTER: u32 = 99_871;
/// Requests of the import that are logged: one in some thousand.
const IMPORT_REQUESTS: u32 = 40;
const PAGE_SIZE: u32 = 2_000;
const BACK_OFFS_S: [u32; 4] = [30, 60, 120, 240];

const EXHAUSTED: Failure = Failure {
    status: 429,
    code: "REQUEST_LIMIT_EXCEEDED",
    message: "TotalRequests Limit exceeded.",
    recoverable: true,
};
const SYNC_ERROR: &str = "Sync error: REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.";

/// The plot while it is told.
struct Quota<'a> {
    story: &'a DemoStory,
    sheet: &'a mut Sheet,
    pipeline: &'a Pipeline,
    chance: Chance,
    /// When the last run ended that completed.
    synced_us: i64,
}

pub(super) fn tell(story: &DemoStory, sheet: &mut Sheet) {
    let pipeline = Pipeline {
        actor: story.actor(USER, "salesforce"),
        sync: story.id([PLOT, SYNC_ID]),
        frequency: "*/30 * * * *",
        page_size: PAGE_SIZE,
    };
    let (start_us, day_us) = (story.start_us(), story.failure_day().start_us());
    let chance = story.chance(PLOT);
    let mut plot = Quota { story, sheet, pipeline: &pipeline, chance, synced_us: start_us - EVERY_US };
    let mut due_us = start_us + (-start_us).rem_euclid(EVERY_US);
    while due_us + RUN_US_MAX <= story.end_us {
        let started_us = due_us + plot.ms(2_000, 40_000);
        let of_day = due_us - day_us;
        if of_day == FULL_AT_US {
            plot.interrupted(started_us);
        } else if (LIMITED_FROM_US..RAISED_AT_US).contains(&of_day) {
            plot.limited(started_us, of_day == LIMITED_FROM_US);
        } else if of_day == RECOVERED_AT_US {
            plot.caught_up(started_us);
        } else {
            plot.quiet(started_us);
        }
        if due_us.rem_euclid(DAY_US) == NIGHTLY_AT_US {
            plot.nightly(started_us + 12 * MINUTE_US);
        }
        due_us += EVERY_US;
    }
    plot.import(day_us + IMPORT_AT_US);
    plot.raised(day_us + RAISED_AT_US);
}

impl<'a> Quota<'a> {
    /// An incremental sync as on every day.
    fn quiet(&mut self, started_us: i64) {
        let run = self.run(started_us);
        let (created, updated, deleted) = (self.chance.below(6), self.chance.below(40), self.chance.below(3));
        self.say(&run, started_us, "Incremental sync started", sync::INCREMENTAL_STARTED);
        let read_us = started_us + self.ms(700, 2_600);
        self.page(&run, read_us, created + updated + deleted);
        let ended_us = read_us + self.ms(900, 4_000);
        let counts = summary(created, updated, deleted, ended_us - started_us);
        self.complete(&run, ended_us, "Incremental sync completed", sync::INCREMENTAL_COMPLETED, counts);
    }

    /// The full sync of every night, which also finds what was deleted.
    fn nightly(&mut self, started_us: i64) {
        let run = self.run(started_us);
        self.say(&run, started_us, "Full sync started", sync::FULL_STARTED);
        let mut at_us = started_us;
        for _ in 0..6 {
            at_us += self.ms(1_500, 4_000);
            self.page(&run, at_us, PAGE_SIZE);
        }
        let ended_us = at_us + self.ms(900, 4_000);
        let counts = summary(0, self.chance.below(9), self.chance.between(1, 30), ended_us - started_us);
        self.complete(&run, ended_us, "Full sync completed", sync::FULL_COMPLETED, counts);
    }

    /// An incremental sync that backs off longer and longer, and gives up. The first still has calls left for two pages.
    fn limited(&mut self, started_us: i64, is_first: bool) {
        let run = self.run(started_us);
        self.say(&run, started_us, "Incremental sync started", sync::INCREMENTAL_STARTED);
        let mut at_us = started_us;
        let pages = if is_first { 2 } else { 0 };
        for _ in 0..pages {
            at_us += self.ms(1_500, 4_000);
            self.page(&run, at_us, PAGE_SIZE);
        }
        let at_us = self.back_off(&run, at_us, &BACK_OFFS_S, sync::INCREMENTAL_LIMITED);
        self.give_up(&run, at_us, BACK_OFFS_S.len() as u32 + 1, sync::INCREMENTAL_ERROR);
    }

    /// A full sync that somebody starts by hand, in vain.
    fn interrupted(&mut self, started_us: i64) {
        let run = self.run(started_us);
        self.say(&run, started_us, "Full sync started", sync::FULL_STARTED);
        let mut at_us = started_us;
        for _ in 0..2 {
            at_us += self.ms(1_500, 4_000);
            self.page(&run, at_us, PAGE_SIZE);
        }
        let at_us = self.back_off(&run, at_us, &BACK_OFFS_S[..2], sync::FULL_LIMITED);
        let at_us = self.give_up(&run, at_us, 3, sync::FULL_ERROR) + self.ms(10, 40);
        let interrupted = "Full sync interrupted, record deletion was not performed";
        self.say(&run, at_us, interrupted, sync::FULL_INTERRUPTED);
    }

    /// The first run after the quota was raised: all that the import wrote, and the morning's changes.
    fn caught_up(&mut self, started_us: i64) {
        let run = self.run(started_us);
        let (created, updated) = (50_118_u32, 3_902_u32);
        self.say(&run, started_us, "Incremental sync started", sync::INCREMENTAL_STARTED);
        let mut at_us = started_us;
        let mut left = created + updated;
        while left > 0 {
            let records = left.min(PAGE_SIZE);
            at_us += self.ms(1_500, 4_000);
            self.page(&run, at_us, records);
            left -= records;
        }
        let ended_us = at_us + self.ms(900, 4_000);
        let counts = summary(created, updated, 0, ended_us - started_us);
        self.complete(&run, ended_us, "Incremental sync completed", sync::INCREMENTAL_COMPLETED, counts);
    }

    /// The cause: a workflow of the same user writes row by row, with the same credential.
    fn import(&mut self, started_us: i64) {
        let mut actor = self.pipeline.actor.clone();
        let workflow = self.story.id([PLOT, WORKFLOW_ID]);
        actor.workflow = Some(uuid(workflow));
        let run = Execution { actor: &actor, trace: self.story.id([PLOT, IMPORT_ID]) };
        let rows = USED_AFTER - USED_BEFORE;
        let request = json!({
            "eventId": ulid(started_us, run.trace),
            "triggerType": "REQUEST",
            "triggerSubscriptionId": uuid(workflow.rotate_left(48)),
            "dateReceived": time(started_us),
            "body": { "source": "trade-fair-leads.csv", "rows": rows, "mode": "upsert row by row" },
        });
        self.sheet.tell(&run, started_us, "request_trigger", "Request Trigger Started", request.clone());
        let mut at_us = started_us + self.ms(20, 60);
        self.sheet.tell(&run, at_us, "request_trigger", "Request Trigger workflow submitted for execution", request);
        let task = json!({
            "executionId": uuid(run.trace.rotate_left(32)),
            "workflowVersion": 7,
            "task": { "name": "Upsert rows", "type": "INTEGRATION_ACTION", "attempt": 1 },
            "input": { "rows": rows, "concurrency": 40 },
        });
        at_us += self.ms(100, 400);
        self.sheet.tell(&run, at_us, "workflow_task", "Task Upsert rows started", task.clone());
        let url = format!("{}/Lead_Key__c", self.pipeline.url());
        let said = format!("Task Upsert rows sent PATCH {url}");
        for nth in 1..=IMPORT_REQUESTS {
            at_us += self.ms(31_000, 34_000);
            let used = USED_BEFORE + rows * nth / IMPORT_REQUESTS;
            let mut payload = exchange("PATCH", &url, 201, self.chance.between(240, 900));
            payload["request"]["body"] = json!({ "row": used - USED_BEFORE, "rows": rows });
            payload["response"]["headers"]["Sforce-Limit-Info"] = limit_info(used, QUOTA);
            payload["logged"] = json!({ "oneIn": rows / IMPORT_REQUESTS });
            self.sheet.tell(&run, at_us, "workflow_task", &said, payload);
        }
        at_us += self.ms(100, 400);
        let mut done = task;
        done["output"] = json!({ "rows": rows, "apiCalls": rows, "failed": 0 });
        self.sheet.tell(&run, at_us, "workflow_task", "Task Upsert rows completed", done);
    }

    /// The remedy: the customer buys more calls.
    fn raised(&mut self, at_us: i64) {
        let run = Execution { actor: &self.pipeline.actor, trace: self.story.id([PLOT, SETTINGS_ID]) };
        let payload = json!({
            "credential": { "id": self.pipeline.actor.credential, "scheme": "oauth2" },
            "settings": { "dailyApiRequests": { "from": QUOTA, "to": QUOTA_RAISED } },
            "note": "additional API calls were bought after the import",
        });
        self.sheet.tell(&run, at_us, "connected_user", "User updated", payload);
    }

    /// The same page again and again, with longer and longer pauses. Answers when the last pause is over.
    fn back_off(&mut self, run: &Execution<'_>, started_us: i64, pauses_s: &[u32], phase: Phase) -> i64 {
        let mut at_us = started_us;
        for (attempt, pause_s) in (1_u32..).zip(pauses_s) {
            at_us += self.ms(300, 900);
            self.refused_page(run, at_us);
            at_us += self.ms(5, 30);
            let next_us = at_us + i64::from(*pause_s) * SECOND_US;
            let mut payload = self.pipeline.payload(run.trace, phase, self.synced_us);
            payload["error"] = trouble(EXHAUSTED, attempt, next_us);
            let said = format!("Sync rate limited, backing off for {pause_s} seconds…");
            self.sheet.tell(run, at_us, MANAGED_SYNC, &said, payload);
            at_us = next_us;
        }
        at_us
    }

    /// The last try and the end of the run. Answers when that was.
    fn give_up(&mut self, run: &Execution<'_>, last_us: i64, attempt: u32, phase: Phase) -> i64 {
        let at_us = last_us + self.ms(300, 900);
        let payload = self.refused_page(run, at_us);
        let at_us = at_us + self.ms(5, 30);
        self.sheet.fail(run, at_us, "workflow_task", "Task Fetch page failed", EXHAUSTED, payload);
        let at_us = at_us + self.ms(10, 40);
        let mut payload = self.pipeline.payload(run.trace, phase, self.synced_us);
        payload["error"] = trouble(EXHAUSTED, attempt, at_us + EVERY_US);
        self.sheet.fail(run, at_us, MANAGED_SYNC, SYNC_ERROR, EXHAUSTED, payload);
        at_us
    }

    /// A request for a page that is answered.
    fn page(&mut self, run: &Execution<'_>, at_us: i64, records: u32) {
        let mut payload = self.request(run, at_us, 200);
        payload["response"]["records"] = json!(records);
        payload["response"]["bytes"] = json!(records * 412 + 180);
        self.sent(run, at_us, payload);
    }

    /// A request for a page that the quota does not allow any more. Answers its payload.
    fn refused_page(&mut self, run: &Execution<'_>, at_us: i64) -> Value {
        let mut payload = self.request(run, at_us, EXHAUSTED.status);
        payload["response"]["headers"]["Sforce-Limit-Info"] = limit_info(QUOTA, QUOTA);
        payload["response"]["body"] = json!([{ "errorCode": EXHAUSTED.code, "message": EXHAUSTED.message }]);
        self.sent(run, at_us, payload.clone());
        payload
    }

    fn request(&mut self, run: &Execution<'_>, at_us: i64, status: u32) -> Value {
        let cursor = letters(mix_wide(&[run.trace as u64, at_us as u64]), 16);
        let url = format!("{}?limit={PAGE_SIZE}&after={cursor}", self.pipeline.url());
        let mut payload = exchange("GET", &url, status, self.chance.between(90, 1_200));
        payload["response"]["headers"]["Sforce-Limit-Info"] = self.used(at_us);
        payload
    }

    fn sent(&mut self, run: &Execution<'_>, at_us: i64, payload: Value) {
        let said = format!("Task Fetch page sent GET {}", self.pipeline.url());
        self.sheet.tell(run, at_us, "workflow_task", &said, payload);
    }

    fn say(&mut self, run: &Execution<'_>, at_us: i64, message: &str, phase: Phase) {
        let payload = self.pipeline.payload(run.trace, phase, self.synced_us);
        self.sheet.tell(run, at_us, MANAGED_SYNC, message, payload);
    }

    fn complete(&mut self, run: &Execution<'_>, at_us: i64, message: &str, phase: Phase, counts: Value) {
        let mut payload = self.pipeline.payload(run.trace, phase, self.synced_us);
        payload["summary"] = counts;
        self.sheet.tell(run, at_us, MANAGED_SYNC, message, payload);
        self.synced_us = at_us;
    }

    fn run(&self, started_us: i64) -> Execution<'a> {
        let pipeline: &'a Pipeline = self.pipeline;
        let nth = mix_wide(&[RUN_ID, started_us as u64]) as u64;
        Execution { actor: &pipeline.actor, trace: self.story.id([PLOT, nth]) }
    }

    /// The quota as an answer at this time tells of it: calls of the last 24 hours.
    fn used(&mut self, at_us: i64) -> Value {
        let of_day = at_us - self.story.failure_day().start_us();
        let ordinary = 38_000 + (at_us.rem_euclid(DAY_US) / HOUR_US) as u32 * 900 + self.chance.below(700);
        let quota = if of_day < RAISED_AT_US { QUOTA } else { QUOTA_RAISED };
        let used = match of_day {
            IMPORT_AT_US..RAISED_AT_US => QUOTA - self.chance.below(QUOTA - USED_AFTER),
            RAISED_AT_US..IMPORT_FORGOTTEN_US => QUOTA + 400 + (of_day / MINUTE_US) as u32 + self.chance.below(60),
            _ => ordinary,
        };
        limit_info(used, quota)
    }

    /// A pause, in microseconds, of so many milliseconds.
    fn ms(&mut self, low: u32, high: u32) -> i64 {
        i64::from(self.chance.between(low, high)) * 1_000
    }
}

fn limit_info(used: u32, quota: u32) -> Value {
    json!(format!("api-usage={used}/{quota}"))
}
