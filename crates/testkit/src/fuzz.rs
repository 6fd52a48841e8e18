//! [`Fuzz`]: a corpus of inputs, mutated from a seed, against a property that must hold for every input.
//!
//! A property test rather than a coverage-guided fuzzer: it runs on the stable toolchain, in every run of the tests, and its
//! seed repeats it. Inputs that once failed stay in the corpus, so what was found is found again before anything else.
#![allow(clippy::print_stdout, reason = "a test tells on standard output, where the harness keeps it")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::mutate::Mutator;
use crate::proof::{Form, Proof, seed};

/// Longest that one input may take, in an unoptimised build on a busy machine.
const CASE_TIME_MAX: Duration = Duration::from_secs(5);
/// Failures after which a run ends: they tend to be one.
const FAILURES_MAX: u64 = 3;
/// Mutated inputs that are kept to be mutated further.
const KEPT_MAX: usize = 64;
/// Longest input that is mutated further.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Fuzz {
    /// The promise that its property belongs to.
    pub promise: u32,
    /// What is fuzzed, e.g. "mutated cursors".
    pub what: &'static str,
    /// The folder of its inputs below `tests/corpus`.
    pub corpus: &'static str,
    /// Inputs in the short and in the full form.
    pub cases: (u64, u64),
}

impl Fuzz {
    /// Runs the corpus and `more`, each input as it is, then mutations of them, through `property`; an input breaks it by a
    /// panic, an error or by taking too long. Tells of it as a [`Proof`].
    ///
    /// # Panics
    /// When an input broke the property, or there is no corpus. The input was written to a file whose path is printed.
    pub fn run(&self, more: Vec<Vec<u8>>, mut property: impl FnMut(&[u8]) -> Result<(), String>) {
        let cases = Form::asked().of(self.cases.0, self.cases.1);
        let mut inputs = corpus(self.corpus);
        inputs.extend(more);
        let seed = seed();
        let mut mutator = Mutator::new(seed);
        let mut chance = Chance::new(seed);
        let mut one_of = |count: usize| chance.below(count as u32) as usize;
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut proof = Proof { promise: self.promise, what: self.what, ..Proof::default() };
        while proof.runs < cases.max(inputs.len() as u64) && proof.wrong < FAILURES_MAX {
            let input = match inputs.get(proof.runs as usize) {
                Some(input) => input.clone(),
                None if !kept.is_empty() && one_of(4) == 0 => mutator.mutate(&kept[one_of(kept.len())]),
                None => mutator.mutate(&inputs[one_of(inputs.len())]),
            };
            if let Err(reason) = judge(&input, &mut property) {
                proof.wrong += 1;
                println!("{}: {reason}\n  the input is {}", self.corpus, self.save(&input).display());
            }
            if input.len() <= KEPT_BYTES_MAX {
                if kept.len() < KEPT_MAX {
                    kept.push(input);
                } else {
                    kept[one_of(KEPT_MAX)] = input;
                }
            }
            proof.runs += 1;
        }
        proof.tell();
    }

    /// Keeps an input for whoever looks into it.
    fn save(&self, input: &[u8]) -> PathBuf {
        let name = format!("annals-fuzz-{}-{:08x}", self.corpus, crc(input));
        let path = std::env::temp_dir().join(name);
        // Best effort: the seed finds it again.
        let _ = std::fs::write(&path, input);
        path
    }
}

/// The inputs in the folder `name` below `tests/corpus`, in the order of their names.
///
/// # Panics
/// When there are none.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    let read = |path: &PathBuf| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    paths.iter().map(read).collect()
}

/// The root of the checkout: cargo says where the package is that runs.
fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = package.ancestors().find(|folder| folder.join("tests/corpus").is_dir()).map(Path::to_path_buf);
    root.unwrap_or_else(|| panic!("no folder above {} has tests/corpus", package.display()))
}

#[expect(clippy::disallowed_methods, reason = "a bound on time is measured with the time")]
fn judge(input: &[u8], property: &mut impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
    let start = Instant::now();
    match catch_unwind(AssertUnwindSafe(|| property(input))) {
        Ok(verdict) => verdict?,
        Err(_) => return Err("it panicked".to_owned()),
    }
    let took = start.elapsed();
    if took > CASE_TIME_MAX { Err(format!("it took {took:?}")) } else { Ok(()) }
}

/// Names a file after its content.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
