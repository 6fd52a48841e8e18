//! Plot: within 90 seconds of yesterday one resource calls a webhook some hundred times; the queue behind it fills, and a part
//! of the records is lost.

use annals_event::{DAY_US, Day};
use serde_json::{Value, json};

use super::sheet::{Execution, Failure, Sheet, letters, time, ulid, uuid};
use super::{DemoStory, HOUR_US, MINUTE_US, SECOND_US};
use crate::chance::{Chance, mix_wide};
use crate::vocabulary::CITIES;

pub(super) const USER: &str = "user-tomas-lindqvist";
/// The resource, as its owner named it.
const RESOURCE: &str = "shipment_updates";

const PLOT: u64 = 2;
const WORKFLOW_ID: u64 = 1;
const RESOURCE_ID: u64 = 2;
/// Ids of traces start here.
const TRACE_ID: u64 = 1_000;

const CALLS: u64 = 420;
/// Half of the time that the storm takes.
const HALF_MS: u32 = 45_000;
/// When the queue has filled.
const FULL_FROM_US: i64 = 40 * SECOND_US;
/// Of a thousand calls so many fail, before that and from then on.
const FAILED_BEFORE: u32 = 30;
const FAILED_AFTER: u32 = 300;

const QUEUE_FULL: Failure = Failure {
    status: 503,
    code: "QUEUE_FULL",
    message: "The queue of the resource is full: 512 records wait",
    recoverable: true,
};

/// When the storm begins: at 14:12 of the day before the end's, UTC.
pub(super) fn start_us(story: &DemoStory) -> i64 {
    Day::of_us(story.end_us).start_us() - DAY_US + 14 * HOUR_US + 12 * MINUTE_US
}

pub(super) fn tell(story: &DemoStory, sheet: &mut Sheet) {
    let workflow = story.id([PLOT, WORKFLOW_ID]);
    let mut actor = story.actor(USER, "custom.shipwell");
    actor.workflow = Some(uuid(workflow));
    let resource = json!({
        "id": format!("res_{}", letters(story.id([PLOT, RESOURCE_ID]), 16)),
        "name": RESOURCE,
    });
    let mut chance = story.chance(PLOT);
    for nth in 0..CALLS {
        let run = Execution { actor: &actor, trace: story.id([PLOT, TRACE_ID + nth]) };
        // The sum of two uniform numbers: few calls at first, most in the middle, few at last.
        let into_us = i64::from(chance.below(HALF_MS) + chance.below(HALF_MS)) * 1_000;
        let received_us = start_us(story) + into_us;
        let payload = json!({
            "eventId": ulid(received_us, run.trace),
            "triggerType": "WEBHOOK",
            "triggerSubscriptionId": uuid(workflow.rotate_left(48)),
            "dateReceived": time(received_us),
            "resource": resource,
            "body": shipment(&mut chance, received_us),
        });
        sheet.tell(&run, received_us, "webhook_trigger", "Webhook Trigger request received", payload.clone());
        let mut at_us = received_us + i64::from(chance.between(4, 30)) * 1_000;
        let processing = "Webhook Trigger processing record for resource";
        sheet.tell(&run, at_us, "webhook_trigger", processing, payload.clone());
        let failed_per_mille = if into_us < FULL_FROM_US { FAILED_BEFORE } else { FAILED_AFTER };
        if chance.happens(failed_per_mille) {
            at_us += i64::from(chance.between(900, 1_600)) * 1_000;
            let failed = "Webhook trigger failed to process record for resource";
            sheet.fail(&run, at_us, "webhook_trigger", failed, QUEUE_FULL, payload);
        } else {
            at_us += i64::from(chance.between(10, 240)) * 1_000;
            let submitting = "Webhook Trigger Submitting workflow for resource";
            sheet.tell(&run, at_us, "webhook_trigger", submitting, payload);
        }
    }
}

/// What the caller tells: where a shipment is.
fn shipment(chance: &mut Chance, at_us: i64) -> Value {
    let id = mix_wide(&[chance.bits(), at_us as u64]);
    json!({
        "shipmentId": format!("SHP-{}", 480_000 + chance.below(20_000)),
        "tracking": letters(id, 18),
        "status": chance.pick(&["in_transit", "delayed", "at_customs", "out_for_delivery"]),
        "city": chance.pick(CITIES),
        "reason": "carrier backlog replayed",
        "updatedAt": time(at_us - i64::from(chance.between(1, 180)) * MINUTE_US),
    })
}
