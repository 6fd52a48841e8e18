use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::script::STEPS_MEAN;
use crate::step::{Severity, Step};
use crate::{Generator, GeneratorSettings};

fn generate(settings: GeneratorSettings) -> Vec<u8> {
    let mut out = Vec::new();
    let count = settings.events as usize;
    assert_eq!(Generator::new(settings).write_ndjson(&mut out, usize::MAX), count);
    out
}

fn events(settings: GeneratorSettings) -> Vec<Value> {
    generate(settings).split_inclusive(|b| *b == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn sample() -> Vec<Value> {
    events(GeneratorSettings { events: 30_000, ..GeneratorSettings::default() })
}

#[test]
fn equal_seeds_give_equal_bytes_however_they_are_read() {
    let settings = GeneratorSettings { events: 3_000, seed: 7, ..GeneratorSettings::default() };
    let whole = generate(settings.clone());
    let mut parts = Vec::new();
    let mut generator = Generator::new(settings.clone());
    while generator.write_ndjson(&mut parts, 37) > 0 {}
    assert_eq!(parts, whole);
    assert_ne!(generate(GeneratorSettings { seed: 8, ..settings }), whole);
}

#[test]
fn the_workload_never_changes() {
    // Figures are compared from version to version: a change of these bytes makes every older figure incomparable.
    let bytes = generate(GeneratorSettings { events: 5_000, ..GeneratorSettings::default() });
    let digest = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!((bytes.len(), format!("{digest:016x}").as_str()), (5_300_708, "1ecebd64aa98eb29"));
}

#[test]
fn events_are_in_time_order_within_the_days_asked_for() {
    let settings = GeneratorSettings { events: 20_000, days: 3, ..GeneratorSettings::default() };
    let times: Vec<String> =
        events(settings).iter().map(|event| event["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted());
    assert!(times[0].starts_with("2026-05-28T00:"), "{}", times[0]);
    assert!(times[times.len() - 1].as_str() <= "2026-05-31T00:00:00.000Z");
    let days: BTreeMap<&str, usize> = times.iter().fold(BTreeMap::new(), |mut days, time| {
        *days.entry(&time[..10]).or_default() += 1;
        days
    });
    for day in ["2026-05-28", "2026-05-29", "2026-05-30"] {
        assert!((5_600..7_700).contains(&days[day]), "{days:?}");
    }
}

#[test]
fn every_step_of_the_catalogue_occurs() {
    let seen: BTreeSet<(String, String)> = sample()
        .iter()
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["message"].as_str().unwrap().to_owned()))
        .collect();
    for &step in Step::ALL {
        let (kind, _, message) = step.words();
        let (start, end) = message.split_once("{}").unwrap_or((message, message));
        let occurs = seen.iter().any(|(k, m)| k == kind && m.starts_with(start) && m.ends_with(end));
        assert!(occurs, "{kind}: {message}");
    }
}

#[test]
fn traces_have_the_promised_length_and_overlap() {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, event) in sample().iter().enumerate() {
        places.entry(event["traceId"].as_str().unwrap().to_owned()).or_default().push(place);
    }
    let short = places.values().filter(|at| at.len() < 3).count();
    assert!(short <= 1, "only the last trace may be cut: {short}");
    assert!(places.values().all(|at| at.len() <= 12));
    let mean = 30_000.0 / places.len() as f64;
    assert!((mean - STEPS_MEAN).abs() < 0.1, "{mean}");
    let overlapping = places.values().filter(|at| at[at.len() - 1] - at[0] >= at.len()).count();
    assert!(overlapping * 4 > places.len(), "{overlapping} of {}", places.len());
}

#[test]
fn levels_sizes_and_errors_are_as_documented() {
    let events = sample();
    let share = |severity: Severity| {
        let count = events.iter().filter(|event| event["level"] == severity.as_str()).count();
        count as f64 / events.len() as f64
    };
    assert!((0.035..0.045).contains(&share(Severity::Warn)), "{}", share(Severity::Warn));
    assert!((0.026..0.034).contains(&share(Severity::Error)), "{}", share(Severity::Error));
    assert!((0.03..0.07).contains(&share(Severity::Debug)), "{}", share(Severity::Debug));
    for event in &events {
        assert_eq!(event["level"] == "ERROR", event.get("error").is_some());
        assert!(event["payload"].is_object());
        assert!(event.get("id").is_none());
    }
    let bytes = generate(GeneratorSettings { events: 30_000, ..GeneratorSettings::default() }).len();
    assert!((960..1_100).contains(&(bytes / 30_000)), "{}", bytes / 30_000);
}

#[test]
fn projects_have_a_long_tail() {
    let settings = GeneratorSettings { events: 30_000, projects: 1_000, ..GeneratorSettings::default() };
    let mut projects: BTreeMap<String, usize> = BTreeMap::new();
    for event in events(settings) {
        *projects.entry(event["projectId"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let most = projects.values().copied().max().unwrap();
    // 4,918 traces over Zipf's law: the sum of 1 - exp(-4918 / (7.485 k)) for k up to 1,000 is 748 projects that have one.
    assert!((700..830).contains(&projects.len()), "{}", projects.len());
    assert!(most > 30_000 / 10 && most < 30_000 / 5, "{most}");
}

#[test]
fn smallest_settings_work() {
    let settings =
        GeneratorSettings { events: 5, projects: 1, users: 1, workflows: 1, days: 1, ..GeneratorSettings::default() };
    assert_eq!(events(settings).len(), 5);
    assert!(generate(GeneratorSettings { events: 0, ..GeneratorSettings::default() }).is_empty());
}
