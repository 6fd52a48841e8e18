//! [`Proof`]: what the test of a promise counted, told in one line that `cargo xtask faults` collects.
#![allow(clippy::print_stdout, reason = "a test tells on standard output, where the harness keeps it")]

use std::io::Write;

use annals_event::{Clock, SystemClock};

/// Environment variable: `full` asks for the full form.
const FORM: &str = "ANNALS_FAULTS";
/// Environment variable: the file that proofs are told to, besides standard output.
const REPORT: &str = "ANNALS_FAULTS_REPORT";
/// Environment variable: repeats the choices of a run.
const SEED: &str = "ANNALS_FAULTS_SEED";

/// The seed of the short form.
const SHORT_SEED: u64 = 20_260_601;

/// How far a proof goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In every run of the tests.
    Short,
    /// Nightly, or before a release.
    Full,
}

impl Form {
    /// What the environment asks for: `ANNALS_FAULTS=full`, else the short form.
    ///
    /// # Panics
    /// When the variable says anything else.
    pub fn asked() -> Self {
        match std::env::var(FORM) {
            Ok(form) if form == "full" => Self::Full,
            Ok(form) if !form.is_empty() && form != "short" => panic!("{FORM} is {form:?}: use short or full"),
            _ => Self::Short,
        }
    }

    /// One of two sizes.
    pub fn of(self, short: u64, full: u64) -> u64 {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// The seed of this run, printed: that of `ANNALS_FAULTS_SEED`, else in the short form always the same, in the full form one from
/// the time.
///
/// # Panics
/// When the variable is no number.
pub fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("{SEED} is {seed:?}: use a whole number")),
        // The same choices every time, so that a change is judged by what it changed; new ones are the full form's.
        Err(_) if Form::asked() == Form::Short => SHORT_SEED,
        Err(_) => SystemClock.now_us() as u64,
    };
    println!("{SEED}={seed}");
    seed
}

/// What a test of a promise did and found.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Number of the promise in `crates/RELIABILITY.md`.
    pub promise: u32,
    /// What was done how often, e.g. "a kill under load".
    pub what: &'static str,
    /// How often.
    pub runs: u64,
    /// Events that were acknowledged, where that is what is counted.
    pub acknowledged: u64,
    /// Acknowledged events that were not there.
    pub lost: u64,
    /// Events that were there twice.
    pub doubled: u64,
    /// Events that nobody sent.
    pub invented: u64,
    /// Anything else that was not as promised.
    pub wrong: u64,
}

impl Proof {
    /// Tells the counts, then fails the test unless all that is bad is zero and something was done at all.
    ///
    /// # Panics
    /// When the promise was broken, or nothing was tried.
    pub fn tell(&self) {
        let Self { promise, what, runs, acknowledged, lost, doubled, invented, wrong } = self;
        let line = serde_json::json!({
            "promise": promise, "what": what, "runs": runs, "acknowledged": acknowledged,
            "lost": lost, "doubled": doubled, "invented": invented, "wrong": wrong,
            "full": Form::asked() == Form::Full,
        });
        println!("proof {line}");
        if let Some(path) = std::env::var_os(REPORT) {
            let file = std::fs::File::options().create(true).append(true).open(&path);
            let told = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
            told.unwrap_or_else(|error| panic!("{REPORT}: {}: {error}", path.display()));
        }
        assert!(*runs > 0, "promise {promise} ({what}): nothing was tried");
        assert_eq!((*lost, *doubled, *invented, *wrong), (0, 0, 0, 0), "promise {promise} is broken: {line}");
    }
}
