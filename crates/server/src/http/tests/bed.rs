//! [`Bed`]: a store with a few events, half of them in the table and half in memory, behind the router.

use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder};
use annals_query::QuerySettings;
use annals_table::{Lsn, OsFileSystem, Store};
use annals_writer::{Ack, Writer};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::app::{App, Phase};
use crate::http::{Guard, Reads, complete, read_routes};
use crate::node::Node;
use crate::server::ServerOptions;
use crate::settings::{Layers, resolve};

/// The time of the test: 2026-05-28T20:26:40Z.
pub(super) const NOW_US: i64 = 1_780_000_000_000_000;
/// Events of the store; number 0 is the newest, each a minute before the one before.
pub(super) const EVENTS: usize = 40;

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now_us(&self) -> i64 {
        NOW_US
    }
}

pub(super) struct Bed {
    pub(super) runtime: Runtime,
    pub(super) app: Arc<App>,
    pub(super) node: Arc<Node>,
    router: Router,
    _dir: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The detail of a problem of this status.
    pub(super) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], json!(status));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Bed {
    pub(super) fn new() -> Self {
        Self::with(Reads::new(16), QuerySettings::default())
    }

    pub(super) fn with(reads: Reads, settings: QuerySettings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock);
        let root = dir.path().join("store");
        let store = Store::open(root.to_str().unwrap(), Arc::new(OsFileSystem), runtime.handle().clone()).unwrap();
        let resolved = resolve(Layers::new(), Some(512 << 20)).unwrap();
        let options = ServerOptions {
            resolved,
            store,
            wal_dir: dir.path().join("wal"),
            fs: Arc::new(OsFileSystem),
            clock,
            seed: 7,
        };
        let mut node = Node::open_answering(&options, None, settings).unwrap();
        append(&node.dead_letter_writer, &[dead_letter()]);
        let events: Vec<Value> = (0..EVENTS).map(event).collect();
        append(&node.writer, &events[EVENTS / 2..]);
        node.flush().unwrap();
        append(&node.writer, &events[..EVENTS / 2]);
        node.reads = reads;
        let node = Arc::new(node);
        let app = Arc::new(App::starting(Guard::new(None, &[], &[]), NOW_US));
        app.enter(Phase::Ready(Arc::clone(&node)));
        let router = complete(read_routes(), Arc::clone(&app));
        Self { runtime, app, node, router, _dir: dir }
    }

    /// Appends events and makes them visible.
    pub(super) fn append(&self, events: &[Value]) -> Lsn {
        append(&self.node.writer, events)
    }

    /// The head of an answer, its body unread.
    pub(super) fn response(&self, request: Request<Body>) -> Response {
        self.runtime.block_on(self.router.clone().oneshot(request)).unwrap()
    }

    pub(super) fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.response(request);
        let (status, headers) = (response.status(), response.headers().clone());
        let collected = self.runtime.block_on(response.into_body().collect()).unwrap();
        let trailers = collected.trailers().cloned();
        Answer { status, headers, body: collected.to_bytes(), trailers }
    }

    pub(super) fn get(&self, uri: &str) -> Answer {
        self.ask(request(Method::GET, uri, &[], ""))
    }

    pub(super) fn get_as(&self, uri: &str, accept: &str) -> Answer {
        self.ask(request(Method::GET, uri, &[("accept", accept)], ""))
    }

    pub(super) fn sql(&self, statement: &str, accept: &str) -> Answer {
        self.ask(request(Method::POST, "/v1/sql", &[("accept", accept)], statement))
    }

    /// Waits until no query runs any more.
    pub(super) fn wait_for_places(&self) {
        drop(self.runtime.block_on(self.node.reads.query()).unwrap());
    }
}

pub(super) fn request(method: Method, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The event of a number. Every tenth is an error, every fourth of the project `beta`, five make a trace.
pub(super) fn event(number: usize) -> Value {
    json!({
        "id": format!("event-{number}"),
        "timestamp": (NOW_US - (number as i64 + 1) * 60_000_000) / 1_000,
        "projectId": if number.is_multiple_of(4) { "beta" } else { "acme" },
        "level": if number.is_multiple_of(10) { "ERROR" } else { "INFO" },
        "type": if number.is_multiple_of(2) { "managed_sync" } else { "actionkit" },
        "message": format!("Start number {number}"),
        "traceId": format!("trace-{}", number / 5),
        "endUserId": format!("user-{}", number % 3),
        "payload": {"number": number, "text": "a \"quoted\"\nword"},
        "pipeline": "contacts",
    })
}

fn dead_letter() -> Value {
    json!({
        "timestamp": (NOW_US - 1_000_000) / 1_000, "projectId": "acme", "level": "WARN", "type": "dead_letter",
        "message": "level \"loud\" is not known", "payload": "{\"level\":\"loud\"}",
        "error": {"source": "http", "index": 0, "line": 1, "bytes": 16, "truncated": false},
    })
}

fn append(writer: &Writer, events: &[Value]) -> Lsn {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let decoded = decoder.decode_ndjson(lines.join("\n").as_bytes(), NOW_US);
    assert_eq!(decoded.refusals, vec![]);
    *writer.append(decoded.batch, Ack::Wal).unwrap().wait().unwrap().lsn.end()
}
