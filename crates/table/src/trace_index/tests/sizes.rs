//! Bytes on disk and in memory, on entries as an event log makes them: six to seven events a trace, in one to three
//! segments of a file. Figures stand in `FORMAT.md`.

use super::*;

/// Files, and segments in each.
struct Shape {
    files: u32,
    segments: u32,
}

/// Paths as flushes of 20 projects name them.
fn paths(files: u32) -> Vec<String> {
    let mut state = 11;
    let path = |at: u32| {
        let (project, flush) = (at % 20, u64::from(at / 20));
        let (day, first, hash) = (flush / 4 % 365, flush * 500_000 + 1, random(&mut state));
        format!(
            "project_id=project-{project:02}/day=2026-{:02}-{:02}/part-0000beef-{first:020}-{:020}-{hash:016x}.parquet",
            day / 31 + 1,
            day % 31 + 1,
            first + 499_999
        )
    };
    let mut paths: Vec<_> = (0..files).map(path).collect();
    paths.sort_unstable();
    paths
}

/// Writes `entries` entries of a run whose traces lie as densely as in one of `of_entries`, and answers with the bytes
/// of an entry in blocks and of a path in the end.
fn measure(entries: u64, of_entries: u64, shape: &Shape) -> (f64, f64) {
    let paths = paths(shape.files);
    let text: usize = paths.iter().map(String::len).sum();
    let mut writer = RunWriter::new(Paths::of_ascending(paths.iter().map(String::as_str)), |_| Ok(()));
    // Half of the traces have two segments or three: 1.67 entries a trace.
    let step = u64::MAX / of_entries * 5 / 3;
    let (mut state, mut fingerprint) = (5, 0_u64);
    let mut written = 0;
    while written < entries {
        // Distances of random points are distributed so.
        let uniform = (random(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
        let distance = (-(1.0 - uniform).ln() * step as f64) as u64 + 1;
        let Some(next) = fingerprint.checked_add(distance) else { break };
        fingerprint = next;
        let (file, first) =
            (random(&mut state) % u64::from(shape.files), random(&mut state) % u64::from(shape.segments));
        let segments = [1, 1, 1, 2, 2, 3][(random(&mut state) % 6) as usize];
        for segment in first..(first + segments).min(shape.segments.into()) {
            writer.push(Entry { fingerprint, file: file as u32, segment: segment as u32 }).unwrap();
            written += 1;
        }
    }
    let run = writer.finish().unwrap();
    let end = run.bytes - run.head.blocks_bytes();
    let listed = end as f64 - run.head.blocks_bytes() as f64 / 1_024.0 - 40.0;
    println!(
        "{entries} entries of {of_entries}, {} files of {} segments: {:.2} B an entry in blocks, {:.2} with the end; \
         {:.1} B a path of {}",
        shape.files,
        shape.segments,
        run.head.blocks_bytes() as f64 / written as f64,
        run.bytes as f64 / written as f64,
        listed / f64::from(shape.files),
        text / shape.files as usize,
    );
    (run.head.blocks_bytes() as f64 / written as f64, listed / f64::from(shape.files))
}

#[test]
fn an_entry_takes_nine_to_twelve_bytes() {
    let (small, _) = measure(10_000, 10_000, &Shape { files: 20, segments: 1 });
    let (flushed, path) = measure(1_000_000, 1_000_000, &Shape { files: 1_300, segments: 2 });
    let (compacted, _) = measure(1_000_000, 1_000_000, &Shape { files: 28, segments: 58 });
    let (huge, _) = measure(1_000_000, 1_000_000_000, &Shape { files: 29_200, segments: 54 });
    assert!(small < 12.0 && flushed < 11.0 && compacted < 11.0 && huge < 11.0);
    assert!(path < 60.0, "{path}");
}

/// Only the end of a run makes a head, so that of a run of eleven gigabytes needs none of its blocks.
#[test]
fn heads_of_a_billion_entries_stay_below_64_mb() {
    // Twelve bytes an entry, which is more than was measured, in one run, and an eighth of it in each tier below.
    let mut bytes = 0;
    for run in 0..6 {
        let entries = 1_000_000_000 >> (3 * run);
        let blocks = entries * 12 / BLOCK_BYTES as u64;
        let directory = (0..blocks).map(|block| (block * u64::from(u32::MAX) / blocks) as u32).collect();
        let paths = paths(29_200 >> (3 * run));
        let made = RunHead { entries, directory, paths: Paths::of_ascending(paths.iter().map(String::as_str)) };
        let end = made.encode_end();
        let Ok(RunEnd::Head(head)) = RunHead::of_end(&end, made.blocks_bytes() + end.len() as u64) else {
            panic!("a whole end makes a head")
        };
        assert_eq!(head, made);
        bytes += head.memory_bytes();
        println!(
            "{entries} entries, {} files: {} bytes of memory, an end of {}",
            head.files(),
            head.memory_bytes(),
            end.len()
        );
    }
    println!("all runs: {bytes} bytes of memory");
    assert!(bytes < 64 << 20, "{bytes}");
}
