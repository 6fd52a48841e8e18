//! What must hold for every body, time and id, whatever bytes come: seeded mutations of `tests/corpus`.

use annals_testkit::Fuzz;
use arrow::array::RecordBatch;
use serde_json::value::RawValue;

use crate::{
    Decoded, EventDecoder, GroupDecoder, PROJECT_ID_BYTES_MAX, ProjectId, Refusal, format_timestamp, parse_duration_us,
    parse_time_bound, parse_timestamp, settings::DecodeSettings, write_ndjson,
};

/// 2026-05-31T12:00:00Z
const NOW_US: i64 = 1_780_228_800_000_000;

fn decoder() -> EventDecoder {
    EventDecoder::new(DecodeSettings::default(), Some(ProjectId::new("p").unwrap()))
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn written(batch: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    write_ndjson(batch, &mut out);
    out
}

/// Every refusal has a reason, they are in order, and none is left out below the limit.
fn check_refusals(refusals: &[Refusal], refused: u64) -> Result<(), String> {
    require(refusals.len() as u64 == refused, || format!("{} of {refused} refusals are told", refusals.len()))?;
    require(refusals.iter().all(|refusal| !refusal.reason.is_empty()), || "a refusal without a reason".into())?;
    require(refusals.is_sorted_by_key(|refusal| refusal.index), || "refusals are out of order".into())
}

/// What was accepted comes out as events that are accepted again and come out the same.
fn check_written(decoded: &Decoded) -> Result<(), String> {
    check_refusals(&decoded.refusals, decoded.refused)?;
    let first = written(&decoded.batch);
    let again = decoder().decode_ndjson(&first, NOW_US);
    let reason = || again.refusals.first().map_or("none".into(), |refusal| refusal.reason.clone());
    require(again.refused == 0, || format!("what was written is refused: {}", reason()))?;
    require(again.batch.num_rows() == decoded.batch.num_rows(), || "rows were lost in writing".into())?;
    let second = written(&again.batch);
    require(first == second, || {
        format!("written {:?}, then {:?}", String::from_utf8_lossy(&first), String::from_utf8_lossy(&second))
    })
}

#[test]
fn fuzzed_ndjson_is_answered_line_by_line() {
    let fuzz = Fuzz { promise: 13, what: "NDJSON bodies, mutated", corpus: "ndjson", cases: (4_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let decoded = decoder().decode_ndjson(input, NOW_US);
        let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let answered = decoded.batch.num_rows() + decoded.refused as usize;
        require(answered == lines, || format!("{lines} lines and {answered} answers"))?;
        check_written(&decoded)
    });
}

#[test]
fn fuzzed_json_arrays_are_answered_element_by_element() {
    let fuzz = Fuzz { promise: 13, what: "JSON array bodies, mutated", corpus: "json_array", cases: (4_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let decoded = match decoder().decode_array(input, NOW_US) {
            Ok(decoded) => decoded,
            Err(error) => return require(!error.to_string().is_empty(), || "an error without a reason".into()),
        };
        let json = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let answered = decoded.batch.num_rows() + decoded.refused as usize;
        match serde_json::from_slice::<Vec<&RawValue>>(json) {
            Ok(elements) => {
                require(answered == elements.len(), || format!("{} elements, {answered} answers", elements.len()))?;
            }
            Err(_) => require(decoded.refused > 0, || "it is no JSON and nothing of it is refused".into())?,
        }
        check_written(&decoded)
    });
}

#[test]
fn fuzzed_groups_are_what_their_bodies_are_alone() {
    let fuzz = Fuzz { promise: 13, what: "groups of bodies, mutated", corpus: "group", cases: (4_000, 100_000) };
    let settings = DecodeSettings::default();
    let project = ProjectId::new("p").unwrap();
    fuzz.run(Vec::new(), |input| {
        let mut group = GroupDecoder::new(&settings, input.len(), NOW_US);
        let mut apart = Vec::new();
        for body in input.split(|byte| *byte == 0) {
            match (group.push(body, Some(&project)), decoder().decode(body, NOW_US)) {
                (Ok(part), Ok(alone)) => {
                    require(part.rows as usize == alone.batch.num_rows(), || {
                        "a body has other rows in a group".into()
                    })?;
                    require(part.refusals == alone.refusals, || "a body has other refusals in a group".into())?;
                    check_refusals(&part.refusals, part.refused)?;
                    apart.extend(written(&alone.batch));
                }
                (Err(_), Err(_)) => {}
                _ => return Err("a body is an error only in a group, or only alone".into()),
            }
        }
        require(written(&group.finish()) == apart, || "the rows of a group are others than those of its bodies".into())
    });
}

#[test]
fn fuzzed_times_are_read_as_they_are_written() {
    let fuzz = Fuzz { promise: 13, what: "times, mutated", corpus: "time", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        let reason = |error: crate::Error| require(!error.to_string().is_empty(), || "no reason".into());
        parse_duration_us(&text).map(drop).or_else(reason)?;
        parse_time_bound(&text, NOW_US).map(drop).or_else(reason)?;
        match parse_timestamp(&text) {
            Ok(us) => {
                let written = format_timestamp(us);
                let read = parse_timestamp(&written).map_err(|error| format!("{written} is not read: {error}"))?;
                require(read == us, || format!("{us} is written {written} and read {read}"))
            }
            Err(error) => reason(error),
        }
    });
}

#[test]
fn fuzzed_project_ids_keep_their_rule() {
    let fuzz = Fuzz { promise: 18, what: "project ids, mutated", corpus: "project_id", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        // The rule once more, said in another way.
        let mut letters = text.chars();
        let keeps = letters.next().is_some_and(|first| matches!(first, 'A'..='Z' | 'a'..='z' | '0'..='9'))
            && letters.all(|letter| matches!(letter, 'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-'))
            && text.chars().count() <= PROJECT_ID_BYTES_MAX;
        match ProjectId::new(text) {
            Ok(id) => require(keeps && id.as_str() == text, || format!("{text:?} was accepted as {id}")),
            Err(error) => require(!keeps && !error.to_string().is_empty(), || format!("{text:?} was refused: {error}")),
        }
    });
}
