//! Damaged data files, asked in every way there is: the answer is the same rows, or an error that names the file.

use annals_table::FileFilter;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::ErrorKind;
use crate::event_query::EventQuery;
use crate::fixture::{TestStore, batch, ids, name, plain_rows};
use crate::{Engine, Error};

/// A store with one large file and one small, and the path of the large one.
struct Bed {
    store: TestStore,
    path: String,
    whole: Vec<u8>,
}

impl Bed {
    fn new() -> Self {
        let store = TestStore::new();
        let mut rows = plain_rows(9_000);
        for (index, row) in rows.iter_mut().enumerate() {
            // Noise, so that the file is as large as one of a busy project.
            let noise = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            row.payload =
                Some(format!(r#"{{"a":"{:016x}","b":"{:016x}"}}"#, noise, noise.rotate_left(23).wrapping_mul(7)));
        }
        store.flush(&batch(&rows[..8_900]), 1);
        store.flush(&batch(&rows[8_900..]), 8_901);
        let files = store.events.snapshot().files(&FileFilter::all());
        let largest = files.iter().max_by_key(|file| file.bytes).unwrap();
        let (path, objects) = (largest.path.clone(), store.events.object_store());
        let whole = store
            .block_on(async { objects.get(&Path::from(path.as_str())).await.unwrap().bytes().await })
            .unwrap()
            .to_vec();
        assert!(whole.len() > 2 << 16, "several blocks: {}", whole.len());
        Self { store, path, whole }
    }

    fn put(&self, bytes: &[u8]) {
        let (path, payload) = (Path::from(self.path.as_str()), bytes.to_vec().into());
        self.store.block_on(self.store.events.object_store().put(&path, payload)).unwrap();
    }

    /// All that is asked, each answer as text.
    fn answers(&self, engine: &Engine) -> Vec<Result<String, Error>> {
        let page = |query: EventQuery| {
            let page = self.store.block_on(engine.search(&EventQuery { limit: 10_000, ..query }))?;
            Ok(ids(&page.events).join(" "))
        };
        let sql = |statement: &str| {
            self.store.block_on(async {
                let batches = engine.sql(statement).await?.collect().await?;
                Ok(format!("{batches:?}"))
            })
        };
        let traced = EventQuery { trace_ids: vec![name("trace", 33)], ..EventQuery::default() };
        let searched = EventQuery { text: Some("sync".to_owned()), ..EventQuery::default() };
        vec![
            page(EventQuery::default()),
            page(traced),
            page(searched),
            self.store
                .block_on(engine.facets(&EventQuery::default(), &[crate::FacetField::Level], 10))
                .map(|facets| format!("{:?}", facets.facets)),
            sql("select count(*), sum(seq), max(payload), min(id) from events where level is not null or true"),
            sql(&format!("select id from events where trace_id = '{}' order by seq", name("trace", 33))),
            sql("select payload from events order by timestamp desc, seq desc limit 20"),
        ]
    }

    /// Damages the file and asks; answers how many of the answers were errors.
    #[track_caller]
    fn ask(&self, engine: &Engine, expected: &[String], what: &str) -> usize {
        let mut errors = 0;
        for (number, answer) in self.answers(engine).into_iter().enumerate() {
            match answer {
                Ok(answer) => assert!(answer == expected[number], "question {number} is answered wrongly after {what}"),
                Err(error) => {
                    errors += 1;
                    let message = error.to_string();
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "question {number} after {what}: {message}");
                    assert!(message.contains(&self.path), "question {number} after {what}: {message}");
                }
            }
        }
        errors
    }
}

#[test]
fn every_way_to_ask_a_damaged_file_answers_rightly_or_names_it() {
    let bed = Bed::new();
    let warm = bed.store.engine();
    let expected: Vec<String> = bed.answers(&warm).into_iter().map(|answer| answer.unwrap()).collect();
    assert!(expected.iter().all(|answer| answer.len() > 20), "{expected:?}");
    let (mut cold_errors, mut warm_errors) = (0, 0);
    let step = bed.whole.len() / 12;
    // Anywhere, and in the footer.
    let places = (0..bed.whole.len()).step_by(step).chain((1..9).map(|back| bed.whole.len() - back * 97));
    for at in places {
        let mut damaged = bed.whole.clone();
        damaged[at] ^= 1 << (at % 8);
        bed.put(&damaged);
        let what = format!("a flip of byte {at} of {}", bed.whole.len());
        cold_errors += bed.ask(&bed.store.engine(), &expected, &what);
        warm_errors += bed.ask(&warm, &expected, &what);
    }
    // The first question reads most of the file, the aggregate all of some columns.
    assert!(cold_errors > 30, "{cold_errors}");
    assert!(warm_errors > 12, "{warm_errors}");
    bed.put(&bed.whole);
    assert_eq!(bed.ask(&warm, &expected, "nothing"), 0);
}

#[test]
fn a_file_that_is_cut_is_named() {
    let bed = Bed::new();
    let expected: Vec<String> = bed.answers(&bed.store.engine()).into_iter().map(|answer| answer.unwrap()).collect();
    for left in [0, 7, 60_000, bed.whole.len() / 2, bed.whole.len() - 1] {
        bed.put(&bed.whole[..left]);
        for answer in bed.answers(&bed.store.engine()) {
            let error = answer.unwrap_err();
            assert!(error.to_string().contains(&bed.path), "cut to {left}: {error}");
            assert_eq!(error.kind(), ErrorKind::Corrupt, "cut to {left}: {error}");
        }
    }
    let mut longer = bed.whole.clone();
    longer.extend_from_slice(b"what others wrote behind it");
    bed.put(&longer);
    assert_eq!(bed.ask(&bed.store.engine(), &expected, "growth"), 0);
}
