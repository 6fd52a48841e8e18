//! Promise 5: corruption is never served silently.
//!
//! One thing is damaged in one file of a store, anywhere; then the store is opened and asked for everything it holds. The
//! answer is the one from before, because the damaged place is not in use, or an error that names the file. What looks at
//! files to find damage (`annals verify`) finds it too.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use annals_query::{Engine, EventSource};
use annals_table::{DataFileName, FileFilter, verify_data_file, verify_log, verify_trace_index};
use annals_testkit::Mutator;
use annals_writer::{Ack, verify_wal};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;

use super::image::ImageFs;
use super::sim::Findings;
use super::specimen::{
    Answer, Opened, Specimen, TRACE_QUESTION, Which, ask, ask_project, given_ids, tail_rows, version,
};
use super::{Form, Proof, seed, settled};

/// One run in so many is asked everything, also by SQL, and opened by a writer; the others are asked for what the damaged file is
/// for. By the form, short and full: all of it for each run took the full form more than an hour.
const SAMPLES: (u64, u64) = (30, 10);

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Data,
    TableLog,
    Segment,
    Ledger,
    /// The trace index.
    Index,
    /// Notes beside the log.
    Note,
}

fn part_of(path: &Path) -> (Which, Part) {
    let text = path.to_str().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let is_wal = text.contains("/store/wal/");
    let which = if text.contains("/dead_letters/") { Which::Letters } else { Which::Events };
    let part = match name {
        _ if text.contains("/_delta_log/") => Part::TableLog,
        _ if text.contains("/_index/") => Part::Index,
        _ if DataFileName::of_path(text).is_some() => Part::Data,
        _ if is_wal && name.starts_with("segment-") => Part::Segment,
        _ if is_wal && name.starts_with("ledger-") => Part::Ledger,
        "lock" | "holder.json" | "known-end" => Part::Note,
        _ => panic!("{text} is of no known kind"),
    };
    (which, part)
}

/// A copy of the specimen that is open, and of which one file at a time is damaged.
struct Bench {
    fs: ImageFs,
    opened: Opened,
    events: EventSource,
    letters: EventSource,
    engine: Engine,
}

impl Bench {
    fn new(specimen: &Specimen, runtime: &Runtime) -> Self {
        let fs = ImageFs::new(&specimen.image);
        let opened = Opened::image(&fs, runtime);
        let source = |which| {
            let table = opened.table(which).unwrap();
            let tail = opened.tail(which, &table).unwrap();
            EventSource { table, tail }
        };
        let (events, letters) = (source(Which::Events), source(Which::Letters));
        let engine = opened.engine(events.clone(), letters.clone());
        Self { fs, opened, events, letters, engine }
    }

    fn source(&self, which: Which) -> &EventSource {
        match which {
            Which::Events => &self.events,
            Which::Letters => &self.letters,
        }
    }

    /// What a process has open that starts now; what no file of the damaged kind goes into is taken over.
    fn start(&self, which: Which, part: Part) -> Result<EventSource, String> {
        let mut source = self.source(which).clone();
        match part {
            Part::Data => {}
            Part::TableLog | Part::Index => source.table = self.opened.table(which).map_err(told)?,
            Part::Segment | Part::Ledger | Part::Note => {
                source.tail = self.opened.tail(which, &source.table).map_err(told)?;
            }
        }
        Ok(source)
    }
}

/// An error with all its causes; `not corrupt` before it if that is not what it says.
fn told(error: impl Into<anyhow::Error>) -> String {
    let error = error.into();
    let is_corrupt = error.chain().any(|cause| {
        cause.downcast_ref::<annals_table::Error>().is_some_and(|e| e.kind() == annals_table::ErrorKind::Corrupt)
            || cause
                .downcast_ref::<annals_writer::Error>()
                .is_some_and(|e| e.kind() == annals_writer::ErrorKind::Corrupt)
            || cause.downcast_ref::<annals_query::Error>().is_some_and(|e| e.kind() == annals_query::ErrorKind::Corrupt)
    });
    if is_corrupt { format!("{error:#}") } else { format!("not corrupt: {error:#}") }
}

/// One mutation.
struct Trial<'a> {
    specimen: &'a Specimen,
    runtime: &'a Runtime,
    path: &'a Path,
    /// What was done, for messages.
    what: String,
    damaged: Arc<Vec<u8>>,
    /// Whether to ask in the dear ways as well.
    is_sampled: bool,
}

impl Trial<'_> {
    fn run(&self, bench: &Bench) -> Findings {
        let mut findings = Findings::default();
        bench.fs.replace(self.path, Arc::clone(&self.damaged));
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let mut found = Findings::default();
            let served = self.read(bench, &mut found);
            self.verify(bench, served, &mut found);
            let (which, part) = part_of(self.path);
            // Readers do not look at the ledger.
            if part == Part::Ledger || self.is_sampled && matches!(part, Part::Segment | Part::Note) {
                self.write(which, &mut found);
            }
            found
        }));
        bench.fs.replace(self.path, Arc::clone(&self.specimen.image[self.path]));
        match judged {
            Ok(found) => findings.add(found),
            Err(_) => findings.wrong(format!("{}: a panic", self.what)),
        }
        findings
    }

    /// Whether an error is one that names the file.
    fn names(&self, error: &str, findings: &mut Findings) {
        let name = self.path.file_name().unwrap().to_str().unwrap();
        if error.starts_with("not corrupt") || !error.contains(name) {
            findings.wrong(format!("{}: the error is {error}", self.what));
        }
    }

    /// Opens and asks. Answers whether all was as before.
    fn read(&self, bench: &Bench, findings: &mut Findings) -> bool {
        let (which, part) = part_of(self.path);
        let source = match bench.start(which, part) {
            Ok(source) => source,
            Err(error) => {
                self.names(&error, findings);
                return false;
            }
        };
        let content = self.specimen.content(which);
        let is_as_before = match part {
            Part::Data => return self.ask(bench, &bench.engine, findings),
            Part::TableLog | Part::Index => version(&source.table) == content.version,
            Part::Segment | Part::Ledger | Part::Note => tail_rows(source.tail.as_deref()) == content.tail,
        };
        if !is_as_before {
            findings.wrong(format!("{}: what was opened is not what was there", self.what));
        }
        if !self.is_sampled && part != Part::Index {
            return true;
        }
        let (mut events, mut letters) = (bench.events.clone(), bench.letters.clone());
        *(if which == Which::Events { &mut events } else { &mut letters }) = source;
        self.ask(bench, &bench.opened.engine(events, letters), findings)
    }

    /// Asks everything, or for the damaged file's project.
    fn ask(&self, bench: &Bench, engine: &Engine, findings: &mut Findings) -> bool {
        let (which, part) = part_of(self.path);
        let mut judged: Vec<(String, Result<Answer, annals_query::Error>, &Answer)> = Vec::new();
        if self.is_sampled {
            for (number, expected) in self.specimen.answers.iter().enumerate() {
                judged.push((format!("question {number}"), ask(engine, number, self.runtime), expected));
            }
        } else if part == Part::Index {
            let expected = &self.specimen.answers[TRACE_QUESTION];
            judged.push(("a trace".to_owned(), ask(engine, TRACE_QUESTION, self.runtime), expected));
        } else {
            let found = bench.source(which).table.snapshot().files(&FileFilter::all());
            let project = found.iter().find(|file| self.path.ends_with(&file.path)).unwrap().project_id.to_string();
            let answer = ask_project(engine, which, &project, self.runtime);
            judged.push((format!("project {project}"), answer, &self.specimen.content(which).projects[&project]));
        }
        let mut is_served = true;
        for (question, answer, expected) in judged {
            match answer {
                Ok(answer) if answer == *expected => {}
                Ok(_) => findings.wrong(format!("{}: {question} is answered wrongly", self.what)),
                Err(error) => {
                    is_served = false;
                    self.names(&told(error), findings);
                }
            }
        }
        is_served
    }

    /// What looks for damage finds it, or there is none that matters.
    fn verify(&self, bench: &Bench, served: bool, findings: &mut Findings) {
        let (which, part) = part_of(self.path);
        let is_changed = self.damaged != self.specimen.image[self.path];
        let is_found = match part {
            Part::Data => verify_data_file(self.path.to_str().unwrap(), &Bytes::from(self.damaged.to_vec())).is_err(),
            Part::TableLog => {
                let objects = bench.opened.store.table(which.options().name);
                let report = self.runtime.block_on(verify_log(objects.as_ref())).unwrap();
                report.damaged.iter().any(|file| self.path.ends_with(&file.path))
            }
            Part::Index => {
                let objects = bench.opened.store.table(which.options().name);
                let report = self.runtime.block_on(verify_trace_index(objects.as_ref())).unwrap();
                if !served {
                    findings.wrong(format!("{}: an index is not to be missed", self.what));
                }
                report.damaged.iter().any(|path| self.path.ends_with(path))
            }
            Part::Segment | Part::Ledger | Part::Note if served && !self.is_sampled => return,
            Part::Segment | Part::Ledger | Part::Note => {
                let table = &bench.source(which).table;
                let dir = which.wal_dir(&bench.opened.root);
                let report = verify_wal(&dir, bench.opened.fs.as_ref(), Some(table)).unwrap();
                // Bytes that no frame ever used may change.
                !report.damaged.is_empty() || served || !is_changed
            }
        };
        if is_found != is_changed && !matches!(part, Part::Segment | Part::Ledger | Part::Note) || !served && !is_found
        {
            findings.wrong(format!("{}: verifying finds {is_found}, changed {is_changed}, served {served}", self.what));
        }
    }

    /// A writer that starts over the damaged log has the rows that wait and knows the ids it knew, or says what it has not.
    fn write(&self, which: Which, findings: &mut Findings) {
        let mut image = self.specimen.image.clone();
        image.insert(self.path.to_owned(), Arc::clone(&self.damaged));
        let opened = Opened::image(&ImageFs::new(&image), self.runtime);
        let table = opened.table(which).unwrap();
        let report = verify_wal(&which.wal_dir(&opened.root), opened.fs.as_ref(), Some(&table)).unwrap();
        let writer = match opened.writer(which, &table) {
            Ok(writer) => writer,
            Err(error) => return self.names(&told(error), findings),
        };
        if which == Which::Letters {
            return;
        }
        let (tail, expected) = (tail_rows(Some(writer.tail().as_ref())), &self.specimen.events.tail);
        if tail != *expected {
            findings.wrong(format!("{}: a writer has {} rows of {}", self.what, tail.num_rows(), expected.num_rows()));
        }
        let given = &self.specimen.given;
        let receipt = writer.append(given.clone(), Ack::Wal).unwrap().wait().unwrap();
        let name = self.path.file_name().unwrap().to_str().unwrap();
        let is_told = report.torn.iter().any(|torn| torn.contains(name));
        if receipt.duplicates != given_ids(given) && !is_told {
            findings.wrong(format!("{}: {} ids are known of {}", self.what, receipt.duplicates, given_ids(given)));
        }
    }
}

/// Files by what they are for, and within that by their size.
type Files = BTreeMap<(bool, Part), Vec<(PathBuf, usize)>>;

/// Chooses a file: more often one that much depends on.
fn choose<'a>(chance: &mut StdRng, files: &'a Files) -> &'a Path {
    let part = match chance.random_range(0..16) {
        0..5 => Part::Data,
        5..10 => Part::TableLog,
        10..13 => Part::Segment,
        13 => Part::Ledger,
        14 => Part::Index,
        _ => Part::Note,
    };
    let kind = &files[&(chance.random_ratio(1, 4), part)];
    let total: usize = kind.iter().map(|(_, bytes)| bytes + 1).sum();
    let mut at = chance.random_range(0..total);
    for (path, bytes) in kind {
        if at <= *bytes {
            return path;
        }
        at -= bytes + 1;
    }
    unreachable!("the place is within the total")
}

#[test]
fn a_damaged_file_is_never_served_silently() {
    let form = Form::asked();
    let sample = form.of(SAMPLES.0, SAMPLES.1);
    let seed = seed();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let specimen = Specimen::new(&runtime);
    let mut files = Files::new();
    for (path, bytes) in &specimen.image {
        let (which, part) = part_of(path);
        files.entry((which == Which::Letters, part)).or_default().push((path.clone(), bytes.len()));
    }
    let segments = files[&(false, Part::Segment)].len();
    assert!(files.len() == 12 && segments >= 3, "{:?}", files.keys());
    let benches: Mutex<Vec<Bench>> = Mutex::default();
    let runs: Vec<u64> = (0..form.of(1_500, 100_000)).map(|run| seed.wrapping_add(run)).collect();
    let proof = Proof { promise: 5, what: "one damage to one file of a store", ..Proof::default() };
    settled(proof, runs, |seed| {
        let mut chance = StdRng::seed_from_u64(seed);
        let path = choose(&mut chance, &files);
        let mut damaged = specimen.image[path].to_vec();
        let damage = Mutator::new(seed).damage(&mut damaged);
        let trial = Trial {
            specimen: &specimen,
            runtime: &runtime,
            path,
            what: format!("seed {seed}: {}: {damage}", path.display()),
            damaged: Arc::new(damaged),
            is_sampled: seed.is_multiple_of(sample),
        };
        let bench = benches.lock().unwrap().pop().unwrap_or_else(|| Bench::new(&specimen, &runtime));
        let findings = trial.run(&bench);
        benches.lock().unwrap().push(bench);
        (0, findings)
    });
}
