//! Stepping through a log meets each matching row once, in LSN order, however it is spread over files and memtables.

use annals_event::ProjectId;
use annals_table::{FileOrigin, TailMemtable, TailSource};
use proptest::prelude::*;

use super::*;
use crate::engine::EngineOptions;
use crate::fixture::{FixedTail, Row, TestStore, WRITER, batch, ids, matching, plain_rows, queries, rows};

/// Rows numbered from LSN 1 on, as the flushes of a writer: so many rows each.
struct Log {
    rows: Vec<Row>,
    flushes: Vec<RangeInclusive<u64>>,
}

impl Log {
    fn new(mut rows: Vec<Row>, flush_rows: &[usize]) -> Self {
        for (row, lsn) in rows.iter_mut().zip(1..) {
            row.seq = lsn;
        }
        let mut flushes = Vec::new();
        let (mut start, end) = (0, rows.len());
        for size in flush_rows.iter().copied().chain(std::iter::repeat(usize::MAX)) {
            if start == end {
                break;
            }
            let next = start.saturating_add(size).min(end);
            flushes.push(start as u64 + 1..=next as u64);
            start = next;
        }
        Self { rows, flushes }
    }

    fn rows_of(&self, lsns: &RangeInclusive<u64>) -> &[Row] {
        &self.rows[*lsns.start() as usize - 1..*lsns.end() as usize]
    }

    /// An engine where the first `committed` flushes are in the table and those from `kept` on in memory.
    fn engine(&self, store: &TestStore, committed: usize, kept: usize) -> Engine {
        for lsns in self.flushes.iter().take(committed) {
            store.flush(&batch(self.rows_of(lsns)), *lsns.start());
        }
        let memtable = |lsns: &RangeInclusive<u64>| TailMemtable {
            first_lsn: Lsn(*lsns.start()),
            last_lsn: Lsn(*lsns.end()),
            batches: self.rows_of(lsns).chunks(7).map(batch).collect(),
        };
        let memtables = self.flushes.iter().skip(kept).map(memtable).collect();
        let tail: Arc<dyn TailSource> = Arc::new(FixedTail(TailView { writer: WRITER, memtables }));
        Engine::new(EngineOptions { tail: Some(tail), ..store.options() }).unwrap()
    }

    fn expected(&self, query: &EventQuery, after: u64) -> Vec<String> {
        let rows = matching(&self.rows, query).into_iter();
        rows.filter(|row| row.seq as u64 > after).map(|row| row.id.clone()).collect()
    }
}

fn at(lsn: u64) -> Position {
    Position { writer: WRITER, lsn: Lsn(lsn) }
}

/// Ids that stepping from `after` meets, and where it ends.
async fn walk(engine: &Engine, query: &EventQuery, after: u64, rows_max: usize) -> (Vec<String>, Position) {
    let (mut found, mut position) = (Vec::new(), at(after));
    loop {
        let (rows, next) = engine.rows_after(query, position, rows_max).await.unwrap();
        assert!(rows.num_rows() <= rows_max);
        assert!(next.lsn >= position.lsn);
        assert_eq!(rows.schema(), event_schema());
        found.extend(ids(&rows));
        if next == position {
            assert_eq!(rows.num_rows(), 0);
            return (found, position);
        }
        position = next;
    }
}

proptest! {
    // Every case commits to a table on disk.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn following_meets_each_matching_row_once_in_lsn_order(
        rows in rows(),
        queries in prop::collection::vec(queries(), 3),
        flush_rows in prop::collection::vec(1..60usize, 0..4),
        committed in 0..5usize,
        overlap in 0..3usize,
        from: prop::sample::Index,
        rows_max in 1..20usize,
    ) {
        let log = Log::new(rows, &flush_rows);
        let committed = committed.min(log.flushes.len());
        let store = TestStore::new();
        let engine = log.engine(&store, committed, committed.saturating_sub(overlap));
        let end = log.rows.len() as u64;
        prop_assert_eq!(engine.position(), Some(at(end)));
        for query in &queries {
            for after in [0, from.index(log.rows.len() + 1) as u64, end] {
                let (found, position) = store.block_on(walk(&engine, query, after, rows_max));
                prop_assert_eq!(found, log.expected(query, after), "{:?} after {}", query, after);
                prop_assert_eq!(position, at(end));
            }
        }
    }
}

#[test]
fn a_follower_meets_what_is_flushed_and_appended_between_its_steps() {
    let log = Log::new(plain_rows(60), &[20, 20]);
    let store = TestStore::new();
    let query = EventQuery::default();
    let (first, position) = store.block_on(log.engine(&store, 0, 0).rows_after(&query, at(0), 30)).unwrap();
    assert_eq!((first.num_rows(), position), (30, at(30)));
    // The first two memtables are committed and dropped.
    let engine = log.engine(&store, 2, 2);
    let (second, position) = store.block_on(engine.rows_after(&query, position, 30)).unwrap();
    assert_eq!((second.num_rows(), position), (10, at(40)), "one step reads files or memtables");
    let (third, position) = store.block_on(engine.rows_after(&query, position, 30)).unwrap();
    assert_eq!((third.num_rows(), position), (20, at(60)));
    let met: Vec<_> = [first, second, third].iter().flat_map(ids).collect();
    assert_eq!(met, log.expected(&query, 0));
}

#[test]
fn what_cannot_be_followed_is_refused_with_what_to_do() {
    let log = Log::new(plain_rows(5), &[]);
    let store = TestStore::new();
    let engine = log.engine(&store, 0, 0);
    let refusal = |engine: &Engine, after, rows_max| {
        let error = store.block_on(engine.rows_after(&EventQuery::default(), after, rows_max)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let other = Position { writer: WriterId(7), lsn: Lsn(1) };
    let message = refusal(&engine, other, 10);
    assert!(message.contains("00000007-1") && message.contains("start again"), "{message}");
    assert!(refusal(&engine, at(1), 0).contains("rows_max is 0"), "no rows are no answer");
    let reader = store.engine();
    assert_eq!(reader.position(), None);
    assert!(refusal(&reader, at(1), 10).contains("process that writes"));
}

#[test]
fn a_position_reads_back_from_its_text_and_nothing_else_does() {
    let position = Position { writer: WriterId(0xa11a15), lsn: Lsn(42) };
    assert_eq!(position.to_string(), "00a11a15-42");
    assert_eq!("00a11a15-42".parse::<Position>().unwrap(), position);
    for text in ["", "-", "00a11a15", "00a11a15-", "a11a15-42", "00A11A15-42", "00a11a15-042", "00a11a15--1", "ü-1"] {
        assert_eq!(text.parse::<Position>().unwrap_err().kind(), ErrorKind::Invalid, "{text}");
    }
}

/// A file of `rows` rows from a flush of these LSNs.
fn file(lsns: RangeInclusive<u64>, rows: u64) -> Arc<DataFile> {
    let origin = FileOrigin { writer: WRITER, first_lsn: Lsn(*lsns.start()), last_lsn: Lsn(*lsns.end()) };
    Arc::new(DataFile {
        path: format!("{}-{}", lsns.start(), lsns.end()),
        project_id: ProjectId::new("acme").unwrap(),
        day: annals_event::Day::from_days(0),
        bytes: 1,
        rows,
        min_timestamp_us: 0,
        max_timestamp_us: 0,
        modified_ms: 0,
        origin: Some(origin),
    })
}

#[test]
fn a_step_takes_whole_flushes_while_their_rows_are_not_too_many() {
    let half = STEP_ROWS / 2;
    let all =
        [file(201..=300, half), file(1..=100, half), file(101..=200, half), file(101..=200, 1), file(301..=400, 1)];
    let paths = |lsns: RangeInclusive<u64>| {
        let mut files = all.to_vec();
        let lsns = step(&mut files, lsns);
        (lsns, files.iter().map(|file| file.path.clone()).collect::<Vec<_>>())
    };
    assert_eq!(paths(1..=400), (1..=100, vec!["1-100".into()]));
    assert_eq!(paths(150..=400).0, 150..=300);
    assert_eq!(paths(150..=250), (150..=250, vec!["101-200".into(), "101-200".into(), "201-300".into()]));
    assert_eq!(paths(350..=900), (350..=900, vec!["301-400".into()]));
    // One flush that is larger than a step by itself, begun in the middle.
    let mut files = vec![file(1..=100, 3 * STEP_ROWS), file(1..=100, 1)];
    assert_eq!((step(&mut files, 50..=100), files.len()), (50..=100, 2));
}
