//! Promise 18: ids cannot escape their path. Fuzzed project ids go to a real server, in events and in query parameters:
//! taken are those that keep the rule and no others, and the store's folders are those of the ids taken.

use std::collections::BTreeSet;
use std::path::Path;

use annals_testkit::{Mutator, corpus};
use serde_json::json;

use super::{Form, Proof, seed};
use crate::server::{Serving, Site};

/// Events of one request.
const BATCH: usize = 100;

/// The rule `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`, said once more.
fn keeps_the_rule(id: &str) -> bool {
    let mut letters = id.chars();
    let first = letters.next().is_some_and(|first| first.is_ascii_alphanumeric());
    first && id.len() <= 128 && letters.all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

/// Ids as text: the corpus, mutations of it, and its ids written in other ways.
fn ids(count: u64, seed: u64) -> Vec<String> {
    let mut mutator = Mutator::new(seed);
    let inputs = corpus("project_id");
    let mut ids: Vec<String> = inputs.iter().map(|input| String::from_utf8_lossy(input).into_owned()).collect();
    let mut number = 0;
    while (ids.len() as u64) < count {
        let input = &inputs[number % inputs.len()];
        let id = String::from_utf8_lossy(&mutator.mutate(input)).into_owned();
        match number % 5 {
            0 => ids.push(encoded(&id)),
            _ => ids.push(id),
        }
        number += 1;
    }
    ids
}

/// Every byte percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn fuzzed_project_ids_are_taken_by_the_rule_and_stay_in_their_folder() {
    let form = Form::asked();
    let ids = ids(10_000, seed());
    let site = Site::new();
    let server = site.serve(&[]);
    let mut proof = Proof { promise: 18, what: "project ids over HTTP", ..Proof::default() };
    let mut taken = BTreeSet::new();
    for batch in ids.chunks(BATCH) {
        proof.wrong += check_events(&server, batch);
        proof.runs += batch.len() as u64;
        proof.acknowledged += batch.iter().filter(|id| keeps_the_rule(id)).count() as u64;
        taken.extend(batch.iter().filter(|id| keeps_the_rule(id)).cloned());
    }
    for id in ids.iter().step_by(form.of(20, 1) as usize) {
        proof.wrong += check_parameter(&server, id);
        proof.runs += 1;
    }
    assert!(taken.len() > 100, "only {} ids keep the rule", taken.len());
    let alarms = server.alarms();
    assert_eq!(server.stop().code(), Some(0));
    alarms.iter().for_each(|alarm| println!("{alarm}"));
    proof.wrong += alarms.len() as u64 + check_folders(&site, &taken);
    proof.tell();
}

/// Sends one event of each id. Answers how many were answered wrongly.
fn check_events(server: &Serving<'_>, ids: &[String]) -> u64 {
    let lines: Vec<String> = ids.iter().map(|id| json!({ "type": "t", "projectId": id }).to_string()).collect();
    let answer = server.post("/v1/events", lines.join("\n"));
    let receipt = answer.json();
    let refused: BTreeSet<u64> =
        receipt["refusals"].as_array().unwrap().iter().map(|refusal| refusal["index"].as_u64().unwrap()).collect();
    let mut wrong = 0;
    for (index, id) in ids.iter().enumerate() {
        if refused.contains(&(index as u64)) == keeps_the_rule(id) {
            println!("{id:?} was {}", if keeps_the_rule(id) { "refused" } else { "taken" });
            wrong += 1;
        }
    }
    wrong
}

/// Asks for the events of an id, and sends one into it.
fn check_parameter(server: &Serving<'_>, id: &str) -> u64 {
    let good = if keeps_the_rule(id) { 200 } else { 400 };
    let read = server.get(&format!("/v1/events?limit=1&project={}", encoded(id)));
    let sent = server.post(&format!("/v1/events?project={}", encoded(id)), "");
    if (read.status, sent.status) == (good, good) {
        return 0;
    }
    println!("{id:?}: {} {}, {} {}", read.status, read.text(), sent.status, sent.text());
    1
}

/// What stands in the store after all was flushed: a folder for each id, and beside the store what the test put there.
fn check_folders(site: &Site, taken: &BTreeSet<String>) -> u64 {
    let names = |folder: &Path| -> BTreeSet<String> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let projects: BTreeSet<String> = names(&site.path("store/events"))
        .iter()
        .filter(|name| !name.starts_with('_') && !name.starts_with(".tmp"))
        .map(|name| name.strip_prefix("project_id=").unwrap_or("").to_owned())
        .collect();
    let mut wrong = 0;
    if &projects != taken {
        let foreign: Vec<_> = projects.symmetric_difference(taken).take(10).collect();
        println!("{} folders for {} ids: {foreign:?}", projects.len(), taken.len());
        wrong += 1;
    }
    let beside = names(site.dir.path());
    if beside != BTreeSet::from(["store".to_owned()]) {
        println!("beside the store: {beside:?}");
        wrong += 1;
    }
    wrong
}
