//! [`Sheet`]: takes the events of all plots and writes them in time order, with the members of the generator's own events
//! (see `event_line.rs`).

use annals_event::{Catalog, Level, Role};
use serde_json::{Value, json};

use super::PROJECT;
use crate::chance::mix_wide;
use crate::json_text::JsonText;
use crate::population::Population;
use crate::vocabulary::{INTEGRATIONS, Integration, USER_AGENTS};

/// The events told so far, each with its time.
pub(super) struct Sheet {
    project: String,
    events: Vec<(i64, String)>,
}

/// Whose events: a user, the integration, and the credential between them.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) user: &'static str,
    pub(super) persona: String,
    pub(super) integration: &'static Integration,
    pub(super) credential: String,
    config: String,
    webhook: String,
    pub(super) workflow: Option<String>,
}

/// One trace of an actor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Execution<'a> {
    pub(super) actor: &'a Actor,
    pub(super) trace: u128,
}

/// What a request came to grief on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) status: u32,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    /// Whether trying again can help.
    pub(super) recoverable: bool,
}

impl Sheet {
    pub(super) fn new(project: String) -> Self {
        Self { project, events: Vec::new() }
    }

    /// Adds an event that is no failure. Type and message must be of the catalogue.
    pub(super) fn tell(&mut self, of: &Execution<'_>, at_us: i64, kind: &str, message: &str, payload: Value) {
        self.add(of, at_us, kind, message, payload, None);
    }

    /// Adds an event with an error object. Type and message must be of the catalogue.
    pub(super) fn fail(
        &mut self,
        of: &Execution<'_>,
        at_us: i64,
        kind: &str,
        message: &str,
        failure: Failure,
        payload: Value,
    ) {
        let upstream = mix_wide(&[of.trace as u64, at_us as u64]);
        let error = json!({
            "name": "IntegrationError",
            "message": failure.message,
            "code": failure.code,
            "status": failure.status,
            "recoverable": failure.recoverable,
            "meta": { "requestId": uuid(of.trace), "upstreamRequestId": letters(upstream, 22) },
        });
        self.add(of, at_us, kind, message, payload, Some(error));
    }

    fn add(&mut self, of: &Execution<'_>, at_us: i64, kind: &str, message: &str, payload: Value, error: Option<Value>) {
        let known = Catalog::builtin().match_message(kind, message);
        let known = known.expect("the story tells kinds of the catalogue, as its test says");
        let status = status(known.level, known.role, &payload);
        let mut event = json!({
            "timestamp": time(at_us),
            "level": known.level.as_str(),
            "type": kind,
            "message": message,
            "projectId": self.project,
            "personaId": of.actor.persona,
            "endUserId": of.actor.user,
            "connectCredentialId": of.actor.credential,
            "connectCredentialConfigId": of.actor.config,
            "traceId": uuid(of.trace),
            "integrationId": of.actor.integration.id,
        });
        if let Some(workflow) = &of.actor.workflow {
            event["workflowId"] = json!(workflow);
        }
        if kind == "webhook_trigger" {
            event["webhookId"] = json!(of.actor.webhook);
        }
        if let Some(status) = status {
            event["status"] = json!(status);
        }
        if let Some(error) = error {
            event["error"] = error;
        }
        event["payload"] = payload;
        self.events.push((at_us, event.to_string()));
    }

    /// Appends the events to `out`, oldest first, and returns how many; those of one time in the order they were told.
    pub(super) fn write(mut self, out: &mut Vec<u8>) -> u64 {
        self.events.sort_by_key(|(at_us, _)| *at_us);
        for (_, line) in &self.events {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        self.events.len() as u64
    }
}

impl Actor {
    /// A user whose ids follow from `traits`.
    pub(super) fn new(population: &Population, traits: u64, user: &'static str, integration: &str) -> Self {
        let known = INTEGRATIONS.iter().position(|known| known.id == integration);
        let place = known.expect("the plots name integrations of the vocabulary");
        Self {
            user,
            persona: uuid(mix_wide(&[traits, 1])),
            integration: &INTEGRATIONS[place],
            credential: uuid(mix_wide(&[traits, 2, place as u64])),
            config: uuid(population.credential_config(PROJECT, place as u32)),
            webhook: uuid(population.webhook(PROJECT, place as u32)),
            workflow: None,
        }
    }
}

/// As the generator has it: failures, ends, and steps by how their request was answered.
fn status(level: Level, role: Role, payload: &Value) -> Option<&'static str> {
    let answer = payload["response"]["statusCode"].as_u64();
    match (role, answer) {
        (Role::Failure, _) => Some("EVENT_STATUS.FAILED"),
        (Role::End, _) => Some("EVENT_STATUS.SUCCEEDED"),
        (Role::Step, Some(429)) => Some("EVENT_STATUS.RETRYING"),
        (Role::Step, Some(answer)) if answer >= 400 => Some("EVENT_STATUS.FAILED"),
        (Role::Step, Some(_)) => Some("EVENT_STATUS.SUCCEEDED"),
        (Role::Step, None) if level == Level::Warn && payload["error"].is_object() => Some("EVENT_STATUS.RETRYING"),
        _ => None,
    }
}

/// The payload of an outbound request and its answer.
pub(super) fn exchange(method: &str, url: &str, status: u32, duration_ms: u32) -> Value {
    json!({
        "request": {
            "method": method,
            "url": url,
            "headers": {
                "accept": "application/json",
                "authorization": "Bearer [redacted]",
                "user-agent": USER_AGENTS[0],
            },
        },
        "response": {
            "statusCode": status,
            "durationMs": duration_ms,
            "headers": { "content-type": "application/json" },
        },
    })
}

/// `2026-05-31T10:00:00.123Z`.
pub(super) fn time(at_us: i64) -> String {
    text(|json| {
        json.time(at_us);
    })
}

/// A version 4 UUID of these bits.
pub(super) fn uuid(bits: u128) -> String {
    text(|json| {
        json.uuid(bits);
    })
}

/// As many letters and digits.
pub(super) fn letters(bits: u128, count: u32) -> String {
    text(|json| {
        json.letters(bits, count);
    })
}

/// A ULID of a time and further bits.
pub(super) fn ulid(at_us: i64, bits: u128) -> String {
    text(|json| {
        json.ulid(at_us, bits);
    })
}

fn text(write: impl FnOnce(&mut JsonText<'_>)) -> String {
    let mut bytes = Vec::new();
    write(&mut JsonText(&mut bytes));
    String::from_utf8(bytes).expect("ids and times are written in ASCII")
}
