//! What must hold for every OTLP request in both encodings: seeded mutations of `tests/corpus`.

use annals_event::{DecodeSettings, EventDecoder, ProjectId};
use annals_testkit::Fuzz;

use super::export::Wire;
use super::map::{MapError, Mapped};
use super::testing::{LIMITS, NOW_US, mapped_bytes};

#[test]
fn fuzzed_protobuf_becomes_events_or_is_refused() {
    let what = "OTLP requests in protobuf, mutated";
    Fuzz { promise: 13, what, corpus: "otlp_protobuf", cases: (6_000, 100_000) }
        .run(Vec::new(), |input| check(mapped_bytes(Wire::Protobuf, input, true)));
}

#[test]
fn fuzzed_json_becomes_events_or_is_refused() {
    let what = "OTLP requests in JSON, mutated";
    Fuzz { promise: 13, what, corpus: "otlp_json", cases: (6_000, 100_000) }
        .run(Vec::new(), |input| check(mapped_bytes(Wire::Json, input, true)));
}

/// Every record is a line or told as unreadable, every line is an event that is taken or refused with a reason.
fn check(mapped: Result<Mapped, MapError>) -> Result<(), String> {
    let mapped = match mapped {
        Ok(mapped) => mapped,
        Err(MapError::Malformed(reason) | MapError::TooLarge(reason)) if reason.is_empty() => {
            return Err("refused without a reason".into());
        }
        Err(MapError::Malformed(_) | MapError::TooLarge(_)) => return Ok(()),
        Err(MapError::NoRoom(error)) => return Err(format!("there is room without end, and yet {error:?}")),
    };
    if mapped.unreadable.iter().any(|(index, reason)| reason.is_empty() || *index >= mapped.records) {
        return Err(format!("unreadable: {:?} of {}", mapped.unreadable, mapped.records));
    }
    if mapped.body.len() > LIMITS.body_bytes_max {
        return Err(format!("{} bytes of events", mapped.body.len()));
    }
    let lines = mapped.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let count = lines.clone().count() as u64;
    if count != mapped.lines() {
        return Err(format!("{count} lines of {} records, {} unreadable", mapped.records, mapped.unreadable.len()));
    }
    if let Some(line) = lines.clone().find(|line| serde_json::from_slice::<&serde_json::value::RawValue>(line).is_err())
    {
        return Err(format!("no JSON: {}", String::from_utf8_lossy(line)));
    }
    let project = ProjectId::new("p").map_err(|error| error.to_string())?;
    let decoded = EventDecoder::new(DecodeSettings::default(), Some(project)).decode_ndjson(&mapped.body, NOW_US);
    let answered = decoded.batch.num_rows() as u64 + decoded.refused;
    match decoded.refusals.iter().find(|refusal| refusal.reason.is_empty()) {
        Some(_) => Err("an event is refused without a reason".into()),
        None if answered != count => Err(format!("{count} lines and {answered} answers")),
        None => Ok(()),
    }
}
