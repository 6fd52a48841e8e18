//! Promise 13: partly bad batches are explicit. Malformed bodies go to a real server: nothing fails, every record is
//! answered, those that are refused are told with a reason and kept as dead letters, and the good ones are stored.

use std::collections::BTreeMap;

use annals_testkit::{Mutator, corpus};
use serde_json::Value;

use super::sim::Findings;
use super::{Form, Proof, seed};
use crate::server::{Answer, Serving, Site};

/// Refused records of one request that a receipt tells one by one.
const TOLD_MAX: u64 = 100;

/// What the requests so far came to.
#[derive(Debug, Default)]
struct Sum {
    requests: u64,
    accepted: u64,
    refused: u64,
    findings: Findings,
    statuses: BTreeMap<u16, u64>,
}

impl Sum {
    fn wrong(&mut self, what: &str, body: &[u8], answer: &Answer) {
        let beginning: String = String::from_utf8_lossy(body).chars().take(300).collect();
        self.findings.wrong(format!("{what}: {} {} for {beginning:?}", answer.status, answer.text()));
    }

    /// Takes in an answer to a body of events.
    fn take(&mut self, body: &[u8], answer: &Answer) {
        self.requests += 1;
        *self.statuses.entry(answer.status).or_default() += 1;
        let told: Value = match serde_json::from_slice(&answer.body) {
            Ok(told) => told,
            Err(_) => return self.wrong("the answer is no JSON", body, answer),
        };
        if !matches!(answer.status, 200 | 422) || told["accepted"].is_null() {
            // A body that is refused as a whole, with a reason.
            let is_told = (400..500).contains(&answer.status) && is_reason(&told["detail"]);
            if !is_told {
                self.wrong("it was not answered as it should be", body, answer);
            }
            return;
        }
        let number = |name: &str| told[name].as_u64().unwrap_or(u64::MAX);
        let (accepted, duplicates, refused) = (number("accepted"), number("duplicates"), number("refused"));
        let refusals = told["refusals"].as_array().cloned().unwrap_or_default();
        self.accepted += accepted;
        self.refused += refused;
        if refusals.len() as u64 != refused.min(TOLD_MAX)
            || !refusals.iter().all(|refusal| is_reason(&refusal["reason"]))
        {
            self.wrong("a refused record has no reason", body, answer);
        }
        if !told["dead_letters_error"].is_null() {
            self.wrong("refused records were not kept", body, answer);
        }
        if (answer.status == 422) != (accepted + duplicates == 0 && refused > 0) {
            self.wrong("the status does not fit the receipt", body, answer);
        }
    }

    /// Holds what the server has against what it answered, and tells the proof.
    fn settle(mut self, server: &Serving<'_>, what: &'static str) {
        let count = |statement: &str| server.sql(statement).as_u64().unwrap();
        let (events, letters) = (count("select count(*) from events"), count("select count(*) from dead_letters"));
        let silent = count("select count(*) from dead_letters where coalesce(reason, '') = ''");
        if (events, letters, silent) != (self.accepted, self.refused, 0) {
            self.findings.wrong(format!(
                "{events} events of {} accepted, {letters} dead letters of {} refused, {silent} without a reason",
                self.accepted, self.refused
            ));
        }
        for alarm in server.alarms() {
            self.findings.wrong(alarm);
        }
        println!("{what}: {:?}", self.statuses);
        self.findings.told.iter().for_each(|told| println!("{told}"));
        let (lost, doubled) = (self.accepted.saturating_sub(events), events.saturating_sub(self.accepted));
        let (runs, acknowledged, wrong) = (self.requests, self.accepted, self.findings.wrong + self.findings.lost);
        Proof { promise: 13, what, runs, acknowledged, lost, doubled, wrong, ..Proof::default() }.tell();
    }
}

fn is_reason(value: &Value) -> bool {
    value.as_str().is_some_and(|reason| !reason.trim().is_empty())
}

/// A good event that is told apart by its number.
fn good(number: u64) -> String {
    format!(r#"{{"type":"good","projectId":"good","message":"{number}"}}"#)
}

#[test]
fn malformed_bodies_are_answered_record_by_record_and_good_events_stored() {
    let requests = Form::asked().of(1_200, 10_000);
    let mut mutator = Mutator::new(seed());
    let inputs = [corpus("ndjson"), corpus("json_array"), corpus("group")].concat();
    let site = Site::new();
    let server = site.serve(&[]);
    let mut sum = Sum::default();
    let mut goods = 0;
    for number in 0..requests {
        let input = &inputs[number as usize % inputs.len()];
        let mut body = if number < inputs.len() as u64 { input.clone() } else { mutator.mutate(input) };
        if body.trim_ascii_start().first() != Some(&b'[') && !body.starts_with(b"\xef\xbb\xbf") {
            // Lines stand for themselves: one that is good is stored whatever stands before it.
            body.extend_from_slice(format!("\n{}", good(goods)).as_bytes());
            goods += 1;
        }
        let answer = server.post("/v1/events?project=fuzz", body.clone());
        sum.take(&body, &answer);
    }
    let stored = server.sql("select count(distinct message) from events where project_id = 'good'").as_u64().unwrap();
    assert!(goods > requests / 4, "only {goods} bodies had a good event");
    sum.findings.lost += goods - stored.min(goods);
    sum.settle(&server, "malformed bodies over HTTP");
}

#[test]
fn malformed_otlp_requests_are_refused_without_a_failure() {
    let requests = Form::asked().of(600, 10_000);
    let mut mutator = Mutator::new(seed());
    let site = Site::new();
    let server = site.serve(&[]);
    let mut proof = Proof { promise: 13, what: "malformed OTLP requests over HTTP", ..Proof::default() };
    let mut statuses = BTreeMap::new();
    for (media_type, name) in [("application/x-protobuf", "otlp_protobuf"), ("application/json", "otlp_json")] {
        let inputs = corpus(name);
        for number in 0..requests / 2 {
            let input = &inputs[number as usize % inputs.len()];
            let body = if number < inputs.len() as u64 { input.clone() } else { mutator.mutate(input) };
            let request = server.request("POST", "/v1/logs").header("content-type", media_type);
            let answer = server.ask(request.header("annals-project", "otlp").body(body));
            *statuses.entry(answer.status).or_insert(0) += 1;
            // 200 tells of refused records in its body; anything else says why in it.
            if !matches!(answer.status, 200 | 400 | 413) || (answer.status != 200 && answer.body.is_empty()) {
                println!("{media_type}: {} {}", answer.status, answer.text());
                proof.wrong += 1;
            }
            proof.runs += 1;
        }
    }
    println!("{statuses:?}");
    for alarm in server.alarms() {
        println!("{alarm}");
        proof.wrong += 1;
    }
    assert_eq!(server.post("/v1/events", good(0)).status, 200, "it goes on");
    proof.tell();
}

mod needs_shared {
    use super::*;
    use crate::support::needed_shared_dir;

    /// All of JSONTestSuite, as the payload of an event and as a body of its own.
    #[test]
    fn json_that_is_none_is_refused_over_http_and_json_that_is_some_stored() {
        let folder = needed_shared_dir().join("suites/JSONTestSuite/test_parsing");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let site = Site::new();
        let server = site.serve(&[]);
        let mut sum = Sum::default();
        for path in &paths {
            let text = std::fs::read(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let event = [&br#"[{"type":"t","projectId":"suite","payload":"#[..], &text, b"}]"].concat();
            let answer = server.post("/v1/events", event.clone());
            sum.take(&event, &answer);
            let is_taken = answer.status == 200 && answer.json()["accepted"] == 1;
            let is_wrong = (name.starts_with("y_") && !is_taken) || (name.starts_with("n_") && is_taken);
            if is_wrong {
                sum.wrong(&name, &event, &answer);
            }
            let answer = server.post("/v1/events?project=suite", text.clone());
            sum.take(&text, &answer);
        }
        assert!(paths.len() > 300, "{} files", paths.len());
        sum.settle(&server, "JSONTestSuite over HTTP");
    }
}
