//! `POST /v1/events`: events in, an honest receipt out.

use std::sync::Arc;

use annals_event::ProjectId;
use annals_writer::{Ack, Claim, KeyClaim, RequestHash, RequestKey};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Problem;
use super::params::{Params, shown};
use super::routes::INGEST;
use crate::app::App;
use crate::intake::{IngestReceipt, Submission};
use crate::metrics::{Source, Taken};
use crate::node::Node;
use crate::upload::drain;

/// Media types that a body of events may have: what it is shows in its first byte.
const MEDIA_TYPES: [&str; 6] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "text/plain",
    "application/octet-stream",
];
/// Name of the header with the idempotency key.
const KEY_HEADER: &str = "idempotency-key";
/// Longest idempotency key.
const KEY_BYTES_MAX: usize = 255;
/// Whose keys they are: there is one token, so one caller.
const CALLER: &[u8] = b"";
/// The source that metrics and dead letters name.
const SOURCE: &str = "http";

/// The routes that take events in.
pub(crate) fn ingest_routes() -> Router<Arc<App>> {
    Router::new().route(INGEST.path, post(ingest))
}

/// What the head of a request says.
struct Head {
    node: Arc<Node>,
    project: Option<ProjectId>,
    ack: Ack,
    key: Option<Vec<u8>>,
}

impl Head {
    /// Checks all that can be checked before the body is read.
    ///
    /// # Errors
    /// 400, 415, or 503 while the server is starting or stopping.
    fn read(app: &App, parts: &Parts) -> Result<Self, Problem> {
        let node = app.node()?;
        let mut params = Params::read(parts.uri.query(), INGEST.params);
        let project = params.parsed_one("project", ProjectId::new);
        let ack = params.parsed_one("ack", ack).unwrap_or(Ack::Wal);
        params.check()?;
        check_media_type(&parts.headers)?;
        let key = key(&parts.headers)?.map(<[u8]>::to_vec);
        Ok(Self { node, project, ack, key })
    }
}

async fn ingest(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let Head { node, project, ack, key } = match Head::read(&app, &parts) {
        Ok(head) => head,
        Err(problem) => {
            drain(body);
            return Err(problem);
        }
    };
    let upload = node.uploads.receive(&parts.headers, body).await?;
    let bytes = upload.bytes.len() as u64;
    let claim = match key {
        None => None,
        Some(key) => match claim(&node, &key, &upload.bytes, project.as_ref()).await? {
            Ok(claim) => Some(claim),
            Err(receipt) => return Ok(answer(&receipt, &node)),
        },
    };
    let submission = Submission { body: upload.bytes, project, ack, source: SOURCE, claim, room: Some(upload.room) };
    let receipt = node.intake.submit(submission).await?;
    let IngestReceipt { accepted, duplicates, refused, .. } = receipt;
    app.metrics.took(Source::Http, Taken { accepted, duplicates, refused, bytes });
    Ok(answer(&receipt, &node))
}

/// A receipt, and how far back an event's id is known.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    receipt: &'a IngestReceipt,
    known_ids_window: u64,
}

/// 200 where an event is in the store, or none was sent; 422 where all were refused.
fn answer(receipt: &IngestReceipt, node: &Node) -> Response {
    let status =
        if receipt.took_any() || receipt.refused == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let answer = Answer { receipt, known_ids_window: node.writer.settings().known_ids_max };
    let body = serde_json::to_string(&answer).expect("numbers and texts are JSON");
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, json, body).into_response()
}

fn ack(name: &str) -> Result<Ack, String> {
    match name {
        "memory" => Ok(Ack::Memory),
        "wal" => Ok(Ack::Wal),
        "stored" => Ok(Ack::Stored),
        other => Err(format!("{} is no level: use memory, wal or stored", shown(other))),
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(named) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let named = named.to_str().unwrap_or("?");
    let essence = named.split(';').next().unwrap_or_default().trim();
    // What `curl --data-binary` says of every body.
    let known = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        || MEDIA_TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known));
    if known {
        return Ok(());
    }
    let detail = format!(
        "content type {named:?} is not supported: send NDJSON (application/x-ndjson) or a JSON array (application/json)"
    );
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.as_bytes();
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(|byte| (0x21..=0x7e).contains(byte));
    if fits && values.next().is_none() {
        return Ok(Some(key));
    }
    let detail = format!("Idempotency-Key must be one value of 1 to {KEY_BYTES_MAX} visible ASCII characters");
    Err(Problem::new(StatusCode::BAD_REQUEST, detail))
}

/// The right to make this request, or what the same one was answered before. Waits for one that is on its way.
async fn claim(
    node: &Node,
    key: &[u8],
    body: &[u8],
    project: Option<&ProjectId>,
) -> Result<Result<KeyClaim, IngestReceipt>, Problem> {
    let key = RequestKey(half(Sha256::new().chain_update(CALLER).chain_update([0]).chain_update(key)));
    let project = project.map_or("", ProjectId::as_str);
    let request = RequestHash(half(Sha256::new().chain_update(project).chain_update([0]).chain_update(body)));
    loop {
        match node.writer.claim(key, request) {
            Claim::New(claim) => return Ok(Ok(claim)),
            Claim::Known(known) => return Ok(Err(IngestReceipt::known(&known))),
            Claim::InFlight(wait) => wait.ended().await,
            Claim::OtherRequest => {
                let detail = "this Idempotency-Key was used with another body: use a new key for each new request";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
            Claim::Full => {
                let detail = "no more idempotency keys can be remembered: send without a key, lower idempotency_hours, \
                              or give the server more memory";
                return Err(Problem::too_many(detail, 60));
            }
        }
    }
}

fn half(hash: Sha256) -> [u8; 16] {
    let digest = hash.finalize();
    digest[..16].try_into().expect("SHA-256 has 32 bytes")
}
