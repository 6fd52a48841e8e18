//! [`Proof`]: what the test of a promise counted, told in one line that `cargo xtask faults` collects.

use std::io::Write;
use std::sync::Mutex;

use annals_event::{Clock, SystemClock};

use super::sim::Findings;

/// Environment variable: `full` asks for the full form.
const FORM: &str = "ANNALS_FAULTS";
/// Environment variable: the file that proofs are told to, besides standard output.
const REPORT: &str = "ANNALS_FAULTS_REPORT";
/// Environment variable: repeats the choices of a run.
const SEED: &str = "ANNALS_FAULTS_SEED";

/// How far a proof goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In every run of the tests.
    Short,
    /// Nightly, or before a release.
    Full,
}

impl Form {
    /// What the environment asks for: `ANNALS_FAULTS=full`, else the short form.
    pub(crate) fn asked() -> Self {
        match std::env::var(FORM) {
            Ok(form) if form == "full" => Self::Full,
            Ok(form) if !form.is_empty() && form != "short" => panic!("{FORM} is {form:?}: use short or full"),
            _ => Self::Short,
        }
    }

    /// One of two sizes.
    pub(crate) fn of(self, short: u64, full: u64) -> u64 {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// The seed of this run, printed: that of `ANNALS_FAULTS_SEED`, else one from the time.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("{SEED} is {seed:?}: use a whole number")),
        Err(_) => SystemClock.now_us() as u64,
    };
    println!("{SEED}={seed}");
    seed
}

/// What a test of a promise did and found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// Number of the promise in `crates/RELIABILITY.md`.
    pub(crate) promise: u32,
    /// What was done how often, e.g. "a kill under load".
    pub(crate) what: &'static str,
    /// How often.
    pub(crate) runs: u64,
    /// Events that were acknowledged, where that is what is counted.
    pub(crate) acknowledged: u64,
    /// Acknowledged events that were not there.
    pub(crate) lost: u64,
    /// Events that were there twice.
    pub(crate) doubled: u64,
    /// Events that nobody sent.
    pub(crate) invented: u64,
    /// Anything else that was not as promised.
    pub(crate) wrong: u64,
}

impl Proof {
    /// Tells the counts, then fails the test unless all that is bad is zero and something was done at all.
    ///
    /// # Panics
    /// When the promise was broken, or nothing was tried.
    pub(crate) fn tell(&self) {
        let Self { promise, what, runs, acknowledged, lost, doubled, invented, wrong } = self;
        let line = serde_json::json!({
            "promise": promise, "what": what, "runs": runs, "acknowledged": acknowledged,
            "lost": lost, "doubled": doubled, "invented": invented, "wrong": wrong,
            "full": Form::asked() == Form::Full,
        });
        println!("proof {line}");
        if let Some(path) = std::env::var_os(REPORT) {
            let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        assert!(*runs > 0, "promise {promise} ({what}): nothing was tried");
        assert_eq!((*lost, *doubled, *invented, *wrong), (0, 0, 0, 0), "promise {promise} is broken: {line}");
    }
}

/// Does all `runs` of a proof on the machine's cores, adds up what they acknowledged and found, and tells it.
pub(crate) fn settled<R: Send>(mut proof: Proof, runs: Vec<R>, run: impl Fn(R) -> (u64, Findings) + Sync) {
    proof.runs = runs.len() as u64;
    let queue = Mutex::new(runs.into_iter());
    let sum = Mutex::new((0, Findings::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(next) = queue.lock().unwrap().next() else { return };
                    let (acknowledged, findings) = run(next);
                    let mut sum = sum.lock().unwrap();
                    sum.0 += acknowledged;
                    sum.1.add(findings);
                }
            });
        }
    });
    let (acknowledged, findings) = sum.into_inner().unwrap();
    for told in &findings.told {
        println!("{told}");
    }
    let Findings { lost, doubled, invented, wrong, .. } = findings;
    Proof { acknowledged, lost, doubled, invented, wrong, ..proof }.tell();
}
