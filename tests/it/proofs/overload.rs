//! Promise 14: memory is bounded. More is sent to a real server than it can take, small events and such of a megabyte: it
//! answers 429 and when to come again, holds no more than its cap and a tenth, and keeps what it acknowledged.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Form, Proof};
use crate::server::{Serving, Site};

/// What the server may hold.
const CAP_BYTES: u64 = 256 << 20;
/// Connections that send without a rest: many times what two cores decode, write and sync.
const SENDERS: u64 = 48;
/// Of which so many send events of a megabyte.
const LARGE_SENDERS: u64 = 24;
/// Text of a large event; the event with all its members must stay below the limit of a mebibyte.
const LARGE_BYTES: usize = 1_000_000;
/// Events of a request of small ones.
const SMALL_EVENTS: u64 = 200;

/// What the senders heard.
#[derive(Debug, Default)]
struct Heard {
    requests: AtomicU64,
    acknowledged: AtomicU64,
    busy: AtomicU64,
    busy_without_time: AtomicU64,
    other: AtomicU64,
}

#[test]
fn overload_is_refused_in_time_and_memory_stays_within_its_cap() {
    let seconds = Form::asked().of(10, 120);
    let site = Site::new();
    let server = site.serve_with(&["--memory", "256MiB", "--freeze-age-s", "1"]);
    let heard = Heard::default();
    let senders = (0..SENDERS).map(|sender| send_repeatedly(&server, sender, &heard));
    let sending = futures::future::join_all(senders);
    // They never end by themselves; what is in flight then is neither acknowledged nor refused.
    site.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(seconds), sending).await }).unwrap_err();
    let peak = server.memory_bytes("VmHWM");
    let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
    let acknowledged = count(&heard.acknowledged);
    // Pages of its own program, which the kernel takes back when it likes: a debug build is ten times as large.
    let program = if cfg!(debug_assertions) { server.memory_bytes("RssFile") } else { 0 };
    let held = peak.saturating_sub(program);
    println!("{heard:?}, at most {} MiB, {} of them its program", peak >> 20, program >> 20);
    let one = |statement: &str| server.sql(statement).as_u64().unwrap();
    // What was sent and never answered may be there as well, or come while we look. A sender's messages at a time: the server
    // that is asked has no more memory than before.
    let of_sender =
        |sender| one(&format!("select count(distinct message) from events where message like '{sender}-%'"));
    let distinct: u64 = (0..SENDERS).map(of_sender).sum();
    let doubled = one("select count(*) from events").saturating_sub(distinct);
    let proof = Proof {
        promise: 14,
        what: "requests to a server of 256 MiB, ten times what it can take",
        runs: count(&heard.requests),
        acknowledged,
        lost: acknowledged.saturating_sub(distinct),
        doubled,
        wrong: count(&heard.other) + count(&heard.busy_without_time) + u64::from(held > CAP_BYTES + CAP_BYTES / 10),
        ..Proof::default()
    };
    assert!(count(&heard.busy) > 0, "nothing was refused: that was no overload");
    assert!(acknowledged > 0, "nothing was taken");
    assert_eq!(server.post("/v1/events", r#"{"type":"t","projectId":"p"}"#).status, 200, "it goes on");
    for alarm in server.alarms() {
        println!("{alarm}");
    }
    proof.tell();
}

/// Sends one request after the other, without a rest.
async fn send_repeatedly(server: &Serving<'_>, sender: u64, heard: &Heard) {
    let text = "0123456789abcdef".repeat(LARGE_BYTES / 16);
    for number in 0_u64.. {
        let (body, events) = if sender < LARGE_SENDERS {
            let message = format!("{sender}-{number}");
            (format!(r#"{{"type":"large","projectId":"p","message":"{message}","payload":"{text}"}}"#), 1)
        } else {
            let mut lines = String::new();
            for event in 0..SMALL_EVENTS {
                let message = format!("{sender}-{number}-{event}");
                let _ = writeln!(
                    lines,
                    r#"{{"type":"small","projectId":"p","message":"{message}","payload":{{"n":{event}}}}}"#
                );
            }
            (lines, SMALL_EVENTS)
        };
        let Ok(answer) = server.request("POST", "/v1/events").body(body).send().await else {
            heard.other.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        heard.requests.fetch_add(1, Ordering::SeqCst);
        let (status, has_time) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        match (status, answer.bytes().await) {
            (200, Ok(_)) => heard.acknowledged.fetch_add(events, Ordering::SeqCst),
            (429, Ok(_)) if has_time => heard.busy.fetch_add(1, Ordering::SeqCst),
            (429, Ok(_)) => heard.busy_without_time.fetch_add(1, Ordering::SeqCst),
            (status, body) => {
                println!("{status}: {body:?}");
                heard.other.fetch_add(1, Ordering::SeqCst)
            }
        };
    }
}
