//! [`Pipeline`]: a managed sync of the story, and the payloads of its runs.

use serde_json::{Value, json};

use super::sheet::{Actor, Failure, letters, time, uuid};

pub(super) const MANAGED_SYNC: &str = "managed_sync";

/// Most tries of a request within a run.
pub(super) const ATTEMPTS_MAX: u32 = 5;

/// `syncEvent`, `syncType` and `syncStatus` of an event.
pub(super) type Phase = (&'static str, &'static str, &'static str);

pub(super) const INCREMENTAL_STARTED: Phase = ("INCREMENTAL_SYNC_STARTED", "INCREMENTAL", "ACTIVE");
pub(super) const INCREMENTAL_COMPLETED: Phase = ("INCREMENTAL_SYNC_COMPLETED", "INCREMENTAL", "IDLE");
pub(super) const INCREMENTAL_LIMITED: Phase = ("SYNC_RUN_RATE_LIMITED", "INCREMENTAL", "RATE_LIMITED");
pub(super) const INCREMENTAL_ERROR: Phase = ("SYNC_RUN_ERROR", "INCREMENTAL", "ERRORED");
pub(super) const FULL_STARTED: Phase = ("FULL_SYNC_STARTED", "FULL", "ACTIVE");
pub(super) const FULL_COMPLETED: Phase = ("FULL_SYNC_COMPLETED", "FULL", "IDLE");
pub(super) const FULL_LIMITED: Phase = ("SYNC_RUN_RATE_LIMITED", "FULL", "RATE_LIMITED");
pub(super) const FULL_ERROR: Phase = ("SYNC_RUN_ERROR", "FULL", "ERRORED");
pub(super) const FULL_INTERRUPTED: Phase = ("FULL_SYNC_INTERRUPTED", "FULL", "IDLE");

/// The sync of a user's contacts.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) actor: Actor,
    pub(super) sync: u128,
    /// When it runs, as a cron line.
    pub(super) frequency: &'static str,
    /// Records that a request asks for.
    pub(super) page_size: u32,
}

impl Pipeline {
    /// Payload of an event of the run `trace`; the run before it ended at `synced_us`.
    pub(super) fn payload(&self, trace: u128, (event, kind, status): Phase, synced_us: i64) -> Value {
        let (collection, _) = self.actor.integration.collections[0];
        json!({
            "syncId": uuid(self.sync),
            "syncInstanceId": uuid(self.sync.rotate_left(64) ^ trace),
            "pipeline": format!("{}_{collection}", self.actor.integration.id),
            "syncEvent": event,
            "syncType": kind,
            "syncStatus": status,
            "configuration": {
                "objectType": collection,
                "pageSize": self.page_size,
                "frequency": self.frequency,
                "cursor": letters(trace.rotate_left(32), 28),
                "lastSyncedAt": time(synced_us),
            },
        })
    }

    /// Where its records are read.
    pub(super) fn url(&self) -> String {
        let (_, path) = self.actor.integration.collections[0];
        format!("https://{}{path}", self.actor.integration.host)
    }
}

/// The `summary` of a run that completed.
pub(super) fn summary(created: u32, updated: u32, deleted: u32, duration_us: i64) -> Value {
    let changes = created + updated + deleted;
    json!({
        "created": created,
        "updated": updated,
        "deleted": deleted,
        "processed": changes,
        "changes": changes,
        "duration": duration_us / 1_000,
    })
}

/// The `error` in the payload of a run; `next_us` is when it is tried again.
pub(super) fn trouble(failure: Failure, attempt: u32, next_us: i64) -> Value {
    json!({
        "recoverable": failure.recoverable,
        "status": failure.status,
        "code": failure.code,
        "message": failure.message,
        "retry": { "attempt": attempt, "maxAttempts": ATTEMPTS_MAX, "nextAttemptAt": time(next_us) },
    })
}
