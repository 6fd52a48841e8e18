use std::collections::{BTreeMap, BTreeSet};

use annals_event::{Catalog, DAY_US, DecodeSettings, EventDecoder, parse_timestamp};
use serde_json::Value;

use super::sheet::uuid;
use super::{DemoStory, HOUR_US, agent, quota, revoked, storm};
use crate::{Generator, GeneratorSettings};

const SEED: u64 = 2_026;
/// A Saturday evening, a Tuesday just begun and at noon, a Wednesday right before and at noon, a Monday night.
const ENDS: [&str; 6] = [
    "2026-11-28T19:20:04.123456Z",
    "2026-11-24T00:00:00Z",
    "2026-11-24T12:00:00.5Z",
    "2026-11-25T11:59:59.999Z",
    "2026-11-25T12:00:00Z",
    "2026-11-23T23:59:59Z",
];

fn story(end: &str) -> DemoStory {
    DemoStory::new(SEED, parse_timestamp(end).unwrap())
}

fn lines(story: &DemoStory) -> Vec<u8> {
    let mut out = Vec::new();
    let count = story.write_ndjson(&mut out);
    assert_eq!(count as usize, out.iter().filter(|byte| **byte == b'\n').count());
    out
}

fn events(story: &DemoStory) -> Vec<Value> {
    lines(story).split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn at_us(event: &Value) -> i64 {
    parse_timestamp(event["timestamp"].as_str().unwrap()).unwrap()
}

/// The events of a user, by type and message.
fn of_user<'a>(events: &'a [Value], user: &str, kind: &str, message: &str) -> Vec<&'a Value> {
    let is_wanted = |event: &&Value| {
        event["endUserId"] == user && event["type"] == kind && event["message"].as_str().unwrap().starts_with(message)
    };
    events.iter().filter(is_wanted).collect()
}

#[test]
fn equal_seeds_and_ends_give_equal_bytes() {
    let whole = lines(&story(ENDS[0]));
    assert_eq!(lines(&story(ENDS[0])), whole);
    assert_ne!(lines(&story(ENDS[1])), whole);
    assert_ne!(lines(&DemoStory::new(SEED + 1, parse_timestamp(ENDS[0]).unwrap())), whole);
}

#[test]
fn every_line_decodes_whenever_it_ends() {
    for end in ENDS {
        let story = story(end);
        let lines = lines(&story);
        let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(&lines, story.end_us);
        assert_eq!(decoded.refused, 0, "{end}: {:?}", decoded.refusals.first());
        assert!((3_000..6_000).contains(&decoded.batch.num_rows()), "{end}: {}", decoded.batch.num_rows());
    }
}

#[test]
fn events_say_what_the_catalogue_knows_with_errors_where_they_are_failures() {
    for event in events(&story(ENDS[0])) {
        let known =
            Catalog::builtin().match_message(event["type"].as_str().unwrap(), event["message"].as_str().unwrap());
        assert_eq!(known.unwrap().level.as_str(), event["level"]);
        assert_eq!(event["level"] == "ERROR", event.get("error").is_some(), "{event}");
        assert!(event["payload"].is_object());
        assert!(event.get("id").is_none());
    }
}

#[test]
fn nothing_is_later_than_the_end_or_earlier_than_the_week_and_all_is_in_order() {
    for end in ENDS {
        let story = story(end);
        let times: Vec<i64> = events(&story).iter().map(at_us).collect();
        assert!(times.is_sorted(), "{end}");
        assert!(times[0] >= story.start_us(), "{end}");
        assert!(times[times.len() - 1] <= story.end_us, "{end}");
        // The last runs are recent.
        assert!(times[times.len() - 1] > story.end_us - HOUR_US, "{end}");
        let reach_us = story.end_us - story.start_us();
        assert!((7 * DAY_US..=8 * DAY_US + 12 * HOUR_US).contains(&reach_us), "{end}: {reach_us}");
    }
}

#[test]
fn the_sync_fails_on_the_last_tuesday_that_began_36_hours_before_the_end() {
    let days = ["2026-11-24", "2026-11-17", "2026-11-17", "2026-11-17", "2026-11-24", "2026-11-17"];
    for (end, day) in ENDS.into_iter().zip(days) {
        let story = story(end);
        assert_eq!(story.failure_day().to_string(), day, "{end}");
        let events = events(&story);
        let failed = of_user(&events, quota::USER, "managed_sync", "Sync error: ");
        assert!(failed.len() >= 10, "{end}: {}", failed.len());
        for event in failed {
            assert!(event["timestamp"].as_str().unwrap().starts_with(day), "{end}: {event}");
            assert_eq!(event["error"]["status"], 429);
            assert_eq!(event["payload"]["error"]["code"], "REQUEST_LIMIT_EXCEEDED");
        }
    }
}

#[test]
fn the_quota_plot_has_its_cause_its_back_offs_and_its_recovery() {
    let story = story(ENDS[0]);
    let events = events(&story);
    let day_us = story.failure_day().start_us();
    let of = |kind: &str, message: &str| of_user(&events, quota::USER, kind, message);

    let first_limited_us = at_us(of("managed_sync", "Sync rate limited")[0]);
    assert!(first_limited_us >= day_us + quota::LIMITED_FROM_US);
    let import = of("workflow_task", "Task Upsert rows sent PATCH https://");
    let last = import[import.len() - 1];
    assert_eq!(last["payload"]["response"]["headers"]["Sforce-Limit-Info"], "api-usage=99871/100000");
    assert!(at_us(last) < first_limited_us && at_us(last) > first_limited_us - HOUR_US);
    assert!(last["workflowId"].is_string());
    for seconds in [30, 60, 120, 240] {
        let said = format!("Sync rate limited, backing off for {seconds} seconds…");
        assert!(of("managed_sync", &said).len() >= 10, "{said}");
    }
    let interrupted = of("managed_sync", "Full sync interrupted, record deletion was not performed");
    assert_eq!(interrupted.len(), 1);
    let recovered = of("managed_sync", "Incremental sync completed");
    let large: Vec<_> =
        recovered.iter().filter(|event| event["payload"]["summary"]["processed"].as_u64() > Some(1_000)).collect();
    assert_eq!(large.len(), 1);
    assert!(at_us(large[0]) > at_us(interrupted[0]));
    assert!(recovered.len() > 300, "{}", recovered.len());
}

#[test]
fn the_storm_is_short_and_a_part_of_it_fails() {
    let story = story(ENDS[0]);
    let events = events(&story);
    let received = of_user(&events, storm::USER, "webhook_trigger", "Webhook Trigger request received");
    let failed = of_user(&events, storm::USER, "webhook_trigger", "Webhook trigger failed");
    assert_eq!(received.len(), 420);
    assert!((40..160).contains(&failed.len()), "{}", failed.len());
    let took_us = at_us(received[received.len() - 1]) - at_us(received[0]);
    assert!(at_us(received[0]) >= storm::start_us(&story) && took_us <= 90_000_000, "{took_us}");
    assert!(failed[0]["webhookId"].is_string() && failed[0]["payload"]["resource"]["name"] == "shipment_updates");
}

#[test]
fn the_agent_tries_the_failed_call_again_with_other_parameters() {
    let story = story(ENDS[0]);
    let trace = uuid(agent::trace(&story));
    let events = events(&story);
    let calls: Vec<_> =
        events.iter().filter(|event| event["traceId"] == trace.as_str() && event["type"] == "actionkit").collect();
    let said: Vec<_> = calls.iter().map(|event| event["message"].as_str().unwrap()).collect();
    let create = "SALESFORCE_CREATE_CONTACT";
    assert_eq!(said[4..8], ["Start", "Failed", "Start", "Completed"].map(|word| format!("{word} {create}")));
    assert_eq!(said.len(), 10);
    assert_eq!(calls[5]["error"]["status"], 400);
    assert!(calls.iter().all(|event| event["personaId"] == agent::PERSONA));
    assert_ne!(calls[4]["payload"]["parameters"], calls[6]["payload"]["parameters"]);
}

#[test]
fn the_revoked_credential_has_not_recovered() {
    for end in ENDS {
        let story = story(end);
        let events = events(&story);
        let of = |kind: &str, message: &str| of_user(&events, revoked::USER, kind, message);
        let failed = of("user_credential", "Failed to refresh credential");
        let refused = of("managed_sync", "Sync error: Authentication Failed");
        assert!((5..=6).contains(&failed.len()) && (5..=6).contains(&refused.len()), "{end}");
        assert_eq!(failed[0]["error"]["code"], "invalid_grant");
        for done in [of("user_credential", "Successfully"), of("managed_sync", "Incremental sync completed")] {
            assert!(done.len() > 100, "{end}");
            assert!(at_us(done[done.len() - 1]) < at_us(failed[0]).min(at_us(refused[0])), "{end}");
        }
    }
}

#[test]
fn it_happens_in_the_busiest_project_and_its_leads_lead_there() {
    let story = story(ENDS[0]);
    let settings = GeneratorSettings { events: 2_000, seed: SEED, projects: 10, ..GeneratorSettings::default() };
    let mut traffic = Vec::new();
    Generator::new(settings).write_ndjson(&mut traffic, usize::MAX);
    let mut projects: BTreeMap<String, usize> = BTreeMap::new();
    for line in traffic.split_inclusive(|byte| *byte == b'\n') {
        let event: Value = serde_json::from_slice(line).unwrap();
        *projects.entry(event["projectId"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let busiest = projects.iter().max_by_key(|(_, events)| **events).unwrap().0;
    assert_eq!(*busiest, story.project());
    assert!(events(&story).iter().all(|event| event["projectId"] == busiest.as_str()));
    let leads = story.leads();
    assert!(leads.iter().all(|lead| lead.address.contains(&format!("project={busiest}"))), "{leads:?}");
    let places: BTreeSet<_> = leads.iter().map(|lead| &lead.address).collect();
    assert_eq!(places.len(), 6);
}
