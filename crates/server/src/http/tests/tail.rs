//! Tails: what they tell, where they go on, when they end.

use std::time::Duration;

use annals_query::QuerySettings;
use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt;
use serde_json::Value;

use super::bed::{Bed, EVENTS, event, request};
use crate::app::Phase;
use crate::http::Reads;

/// One open tail and the text that it has not been asked for yet.
struct Open<'a> {
    bed: &'a Bed,
    body: Body,
    text: String,
}

impl<'a> Open<'a> {
    fn at(bed: &'a Bed, uri: &str, headers: &[(&str, &str)]) -> Self {
        let response = bed.response(request(Method::GET, uri, headers, ""));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut open = Self { bed, body: response.into_body(), text: String::new() };
        assert_eq!(open.frame().unwrap(), "retry: 1000");
        open
    }

    /// The next frame; `None` at the end of the stream.
    fn frame(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                return Some(frame);
            }
            let next = async { tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await };
            let frame = self.bed.runtime.block_on(next).expect("a tail says something every 15 s")?;
            self.text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        }
    }

    /// The next event: its id in the stream and its own.
    fn event(&mut self) -> (String, String) {
        let frame = self.frame().unwrap();
        let lines: Vec<&str> = frame.lines().collect();
        assert_eq!((lines.len(), lines[1]), (3, "event: event"), "{frame}");
        let event: Value = serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
        (lines[0].strip_prefix("id: ").unwrap().to_owned(), event["id"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_tail_tells_what_comes_after_it_was_opened() {
    let bed = Bed::new();
    let mut open = Open::at(&bed, "/v1/tail", &[]);
    bed.append(&[event(100), event(101)]);
    let (writer, first) = (bed.node.writer.status().writer, EVENTS + 1);
    assert_eq!(open.event(), (format!("{writer}-{first}"), "event-100".to_owned()));
    assert_eq!(open.event(), (format!("{writer}-{}", first + 1), "event-101".to_owned()));
    bed.append(&[event(102)]);
    assert_eq!(open.event().1, "event-102");
}

#[test]
fn a_tail_keeps_its_filters() {
    let bed = Bed::new();
    let mut open = Open::at(&bed, "/v1/tail?level=ERROR&project=beta", &[]);
    bed.append(&[event(101), event(110), event(120), event(140)]);
    assert_eq!(open.event().1, "event-120");
    assert_eq!(open.event().1, "event-140");
}

#[test]
fn a_tail_goes_on_where_its_client_was_through_files_and_memory() {
    let bed = Bed::new();
    let writer = bed.node.writer.status().writer;
    let told = |uri: &str, headers: &[(&str, &str)], count: usize| -> Vec<String> {
        let mut open = Open::at(&bed, uri, headers);
        (0..count).map(|_| open.event().1).collect()
    };
    // The older half was appended first.
    let expected: Vec<String> =
        (EVENTS / 2..EVENTS).chain(0..EVENTS / 2).map(|number| format!("event-{number}")).collect();
    let from_start = format!("{writer}-0");
    assert_eq!(told("/v1/tail", &[("last-event-id", &from_start)], EVENTS), expected);
    let parameter = format!("/v1/tail?last_event_id={writer}-10");
    assert_eq!(told(&parameter, &[], EVENTS - 10), expected[10..]);
    let header = format!("{writer}-38");
    assert_eq!(told(&parameter, &[("last-event-id", &header)], 2), expected[38..]);
}

#[test]
fn ids_of_other_logs_are_refused() {
    let bed = Bed::new();
    let refused = |headers: &[(&str, &str)], uri: &str| bed.ask(request(Method::GET, uri, headers, "")).problem(400);
    let other = format!("{:08x}-1", bed.node.writer.status().writer.0 ^ 1);
    assert!(refused(&[("last-event-id", &other)], "/v1/tail").contains("of another log"));
    for text in ["x", "-", "1-1", "00000000", "00000000-", "00000000--1", "0000000g-1", "00000000-99999999999999999999"]
    {
        assert!(refused(&[("last-event-id", text)], "/v1/tail").contains("Last-Event-ID"), "{text}");
        assert!(refused(&[], &format!("/v1/tail?last_event_id={text}")).contains("last_event_id"), "{text}");
    }
    bed.get_as("/v1/tail", "application/json").problem(406);
    bed.get("/v1/tail?limit=3").problem(400);
}

#[test]
fn a_tail_ends_when_the_server_stops() {
    let bed = Bed::new();
    let mut open = Open::at(&bed, "/v1/tail", &[]);
    assert_eq!(bed.node.reads.tails_open(), 1);
    bed.app.enter(Phase::Stopping);
    assert_eq!(open.frame(), None);
    drop(open);
    assert_eq!(bed.node.reads.tails_open(), 0);
}

#[test]
fn one_tail_too_many_is_429() {
    let bed = Bed::with(Reads::narrow(1, 1), QuerySettings::default());
    let open = Open::at(&bed, "/v1/tail", &[]);
    let answer = bed.get("/v1/tail");
    answer.problem(429);
    assert_eq!(answer.header("retry-after"), Some("10"));
    drop(open);
    Open::at(&bed, "/v1/tail", &[]);
}
