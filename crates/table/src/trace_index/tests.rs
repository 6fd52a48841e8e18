//! What is built and merged is found, by an oracle; what is damaged is refused; what it all costs.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::block::{BLOCK_BYTES, Entry};
use super::paths::Paths;
use super::run::Place;
use super::run_writer::{RunWriter, WrittenRun, into_vec};
use super::*;
use crate::checksum::Damage;
use crate::error::{Error, ErrorKind, Result};

mod damage;
mod sizes;

/// A trace's fingerprint, path, segment.
type Row = (u64, String, u32);
/// Fingerprint to places, by path.
type Oracle = BTreeMap<u64, BTreeSet<(String, u32)>>;

fn build(rows: &[Row]) -> Vec<u8> {
    let mut builder = RunBuilder::new();
    for (fingerprint, path, segment) in rows {
        let file = builder.file(path);
        builder.add(*fingerprint, file, *segment);
    }
    builder.finish()
}

/// Opens a run as a caller does: its last bytes, then what is asked for.
fn open(run: &[u8]) -> Result<RunHead, Damage> {
    open_from(run, run.len().saturating_sub(50))
}

fn open_from(run: &[u8], mut start: usize) -> Result<RunHead, Damage> {
    loop {
        match RunHead::of_end(&run[start..], run.len() as u64)? {
            RunEnd::Head(head) => return Ok(head),
            RunEnd::NeedsFrom(offset) => {
                assert!(offset < start as u64, "it asks for more each time");
                start = offset as usize;
            }
        }
    }
}

/// Looks a fingerprint up as a caller does.
fn look_up(run: &[u8], head: &RunHead, fingerprint: u64) -> Result<BTreeSet<(String, u32)>, Damage> {
    let Some(range) = head.blocks_for(fingerprint) else { return Ok(BTreeSet::new()) };
    let bytes = &run[range.start as usize..range.end as usize];
    let places = head.find(range.start, bytes, fingerprint)?;
    assert!(places.is_sorted_by(|a, b| a < b), "places ascend");
    Ok(places.into_iter().map(|place| (head.path(place.file).to_owned(), place.segment)).collect())
}

/// Gives the blocks of a run, `at_once` with each part.
fn parts(run: &[u8], head: &RunHead, at_once: usize) -> impl FnMut() -> Result<Option<Bytes>> {
    let blocks = Bytes::copy_from_slice(&run[..head.blocks_bytes() as usize]);
    let mut start = 0;
    move || {
        let end = (start + at_once * BLOCK_BYTES).min(blocks.len());
        let part = blocks.slice(start..end);
        start = end;
        Ok((!part.is_empty()).then_some(part))
    }
}

fn merged(runs: &[Vec<u8>], keep: impl Fn(&str) -> bool) -> Result<(Vec<u8>, WrittenRun), MergeError> {
    let heads: Vec<_> = runs.iter().map(|run| open(run).unwrap()).collect();
    let inputs = runs.iter().zip(&heads).enumerate();
    let inputs = inputs.map(|(at, (run, head))| MergeInput { head, next_part: parts(run, head, at % 3 + 1) });
    let mut out = Vec::new();
    let written = merge(inputs.collect(), keep, into_vec(&mut out))?;
    Ok((out, written))
}

fn oracle(rows: &[Row]) -> Oracle {
    let mut oracle = Oracle::new();
    for (fingerprint, path, segment) in rows {
        oracle.entry(*fingerprint).or_default().insert((path.clone(), *segment));
    }
    oracle
}

/// The run answers as the oracle does for all that is in it, and around it.
fn assert_answers(run: &[u8], oracle: &Oracle, absent: &[u64]) {
    let head = open(run).unwrap();
    let near =
        oracle.keys().flat_map(|fingerprint| [fingerprint.wrapping_sub(1), *fingerprint, fingerprint.wrapping_add(1)]);
    for fingerprint in near.chain(absent.iter().copied()).chain([0, u64::MAX]) {
        let expected = oracle.get(&fingerprint).cloned().unwrap_or_default();
        assert_eq!(look_up(run, &head, fingerprint), Ok(expected), "{fingerprint:x}");
    }
    assert_eq!(head.entries(), oracle.values().map(|places| places.len() as u64).sum::<u64>());
}

fn random(state: &mut u64) -> u64 {
    // SplitMix64.
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Fingerprints that are random, share their upper half with others, or are one of a few.
fn fingerprints() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => any::<u64>(),
        4 => (0..3_u64, any::<u32>()).prop_map(|(upper, lower)| upper << 32 | u64::from(lower)),
        2 => (0..6_u64).prop_map(|few| u64::MAX - few),
    ]
}

/// Rows, each with a number that says which run it comes to.
fn rows() -> impl Strategy<Value = Vec<(Row, usize)>> {
    let segments = prop_oneof![0..4_u32, any::<u32>()];
    let row = (fingerprints(), 0..20_u32, segments).prop_map(|(fingerprint, file, segment)| {
        (fingerprint, format!("project_id=p{}/day=2026-01-0{}/part-{file}.parquet", file % 5, file % 3), segment)
    });
    proptest::collection::vec((row, 0..4_usize), 0..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_built_run_answers_as_an_oracle(rows in rows(), absent in proptest::collection::vec(fingerprints(), 20)) {
        let rows: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        assert_answers(&build(&rows), &oracle(&rows), &absent);
    }

    #[test]
    fn a_merged_run_answers_as_an_oracle(
        rows in rows(),
        dead in 0..20_u32,
        absent in proptest::collection::vec(fingerprints(), 20),
    ) {
        let rows_of = |run| rows.iter().filter(move |(_, of)| *of == run).map(|(row, _)| row.clone());
        let runs: Vec<_> = (0..4).map(|run| build(&rows_of(run).collect::<Vec<_>>())).collect();
        let is_live = |path: &str| !path.ends_with(&format!("part-{dead}.parquet"));
        let live: Vec<_> = rows.iter().map(|(row, _)| row.clone()).filter(|row| is_live(&row.1)).collect();
        let (run, written) = merged(&runs, is_live).unwrap();
        assert_answers(&run, &oracle(&live), &absent);
        prop_assert_eq!(&open(&run).unwrap(), &written.head);
        prop_assert_eq!((RunName::of_bytes(&run), run.len() as u64), (written.name, written.bytes));
        prop_assert!(run == build(&live), "a merged run is the run that one builder makes");
    }

    #[test]
    fn the_order_of_calls_does_not_change_a_run(rows in rows(), seed: u64) {
        let mut rows: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        let run = build(&rows);
        let mut state = seed;
        rows.sort_by_cached_key(|_| random(&mut state));
        rows.extend_from_within(..rows.len() / 2);
        prop_assert!(build(&rows) == run);
    }
}

#[test]
fn a_run_of_nothing_has_an_end_only() {
    let run = RunBuilder::new().finish();
    assert_eq!(run.len(), 40);
    assert_answers(&run, &Oracle::new(), &[]);
    assert_eq!(open(&run).unwrap().blocks_for(7), None);
    let (again, written) = merged(&[run.clone(), run.clone()], |_| true).unwrap();
    assert_eq!((&again, written.head.files()), (&run, 0));
    assert_eq!(merged(&[], |_| true).unwrap().0, run);
}

#[test]
fn a_file_without_traces_is_covered() {
    let mut builder = RunBuilder::new();
    assert_eq!((builder.file("b"), builder.file("a"), builder.file("b")), (0, 1, 0));
    let run = builder.finish();
    let (run, _) = merged(&[run, build(&[(5, "c".into(), 1), (5, "d".into(), 1)])], |path| path != "d").unwrap();
    let head = open(&run).unwrap();
    assert_eq!(head.paths().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((head.entries(), head.path(2)), (1, "c"));
}

#[test]
fn a_trace_of_many_blocks_is_found_whole() {
    let mut rows: Vec<Row> = (0..100_000).map(|at| (7 << 32, format!("file-{:03}", at % 300), at / 300)).collect();
    rows.extend((0..100).map(|at| ((7 << 32) - 1 - at * 1_000, "file-000".into(), 1)));
    rows.extend((0..100).map(|at| ((7 << 32) + 1 + at * 1_000, "file-299".into(), 2)));
    let run = build(&rows);
    let head = open(&run).unwrap();
    let range = head.blocks_for(7 << 32).unwrap();
    assert_eq!(range.start % BLOCK_BYTES as u64, 0);
    assert!((300_000..330_000).contains(&(range.end - range.start)), "{range:?}");
    assert_answers(&run, &oracle(&rows), &[]);
    let halves = [build(&rows[..50_000]), build(&rows[40_000..])];
    assert!(merged(&halves, |_| true).unwrap().0 == run);
}

#[test]
fn a_lookup_normally_reads_one_block() {
    let mut state = 1;
    let mut builder = RunBuilder::new();
    let file = builder.file("a");
    let present: Vec<_> = (0..200_000).map(|_| random(&mut state)).collect();
    present.iter().for_each(|fingerprint| builder.add(*fingerprint, file, 1));
    let head = open(&builder.finish()).unwrap();
    let absent = (0..200_000).map(|_| random(&mut state));
    let (mut ranges, mut blocks) = (0, 0);
    for range in present.iter().copied().chain(absent).filter_map(|fingerprint| head.blocks_for(fingerprint)) {
        (ranges, blocks) = (ranges + 1, blocks + (range.end - range.start) / BLOCK_BYTES as u64);
    }
    assert!((ranges..ranges + ranges / 100).contains(&blocks), "{blocks} blocks in {ranges} ranges");
}

#[test]
fn wider_ranges_answer_and_narrower_do_not() {
    let rows: Vec<Row> = (0..3_000).map(|at| (at << 40, "a".into(), at as u32)).collect();
    let run = build(&rows);
    let head = open(&run).unwrap();
    let range = head.blocks_for(1_500 << 40).unwrap();
    assert!(range.start > 0 && range.end < head.blocks_bytes());
    let found = [Place { file: 0, segment: 1_500 }];
    assert_eq!(head.find(0, &run, 1_500 << 40).unwrap(), found, "the whole run will do");
    for (start, end) in
        [(range.start, range.end - 1), (range.start + 1, range.end), (range.end, run.len() as u64), (0, 0)]
    {
        let bytes = &run[start as usize..end as usize];
        assert_eq!(head.find(start, bytes, 1_500 << 40), Err(Damage::Block(range.clone())), "{start}..{end}");
    }
    assert!(head.find(range.start + 1, &run[range.start as usize..], 1_500 << 40).is_err(), "not where it says");
}

#[test]
fn what_stops_a_sink_or_a_source_stops_a_merge() {
    let run = build(&(0..3_000).map(|at| (at << 40, "a".into(), 0)).collect::<Vec<_>>());
    let head = open(&run).unwrap();
    let refused = || Error::new(ErrorKind::Unavailable, "no");
    let inputs = vec![MergeInput { head: &head, next_part: parts(&run, &head, 1) }];
    let failed = merge(inputs, |_| true, |_| Err(refused()));
    assert!(matches!(failed, Err(MergeError::Failed(error)) if error.kind() == ErrorKind::Unavailable));
    let inputs = vec![MergeInput { head: &head, next_part: || Err(refused()) }];
    let failed = merge(inputs, |_| true, |_| Ok(()));
    assert!(matches!(failed, Err(MergeError::Failed(error)) if error.kind() == ErrorKind::Unavailable));
}

#[test]
fn a_writer_refuses_what_does_not_ascend() {
    let mut writer = RunWriter::new(Paths::of_ascending(["a"]), |_| Ok(()));
    let entry = |fingerprint, file| Entry { fingerprint, file, segment: 0 };
    writer.push(entry(5, 0)).unwrap();
    writer.push(entry(5, 0)).unwrap();
    assert_eq!(writer.push(entry(4, 0)).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(writer.push(entry(6, 1)).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(writer.finish().unwrap().head.entries(), 1);
}

/// Fails when any byte of the format changes: then its version must.
#[test]
fn a_run_has_these_bytes() {
    let ids = ["4bf92f3577b34da6a3ce929d0e0e4736", "run-17", ""];
    let rows = ids.iter().zip(0..).flat_map(|(id, at)| {
        let path = |day| format!("project_id=acme/day=2026-05-3{day}/part-{at}.parquet");
        [(fingerprint(id), path(0), at), (fingerprint(id), path(1), at + 1)]
    });
    let run = build(&rows.collect::<Vec<_>>());
    assert_eq!(run.len(), 4_256);
    assert_eq!(RunName::of_bytes(&run).to_string(), "trace-39f0440614794eff.run");
}
