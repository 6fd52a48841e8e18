//! Running other programs: cargo with its output shown, and its test results counted as they pass by.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::report::Outcome;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // As cargo says when it runs this program: what was compiled in may name another checkout with the same target folder.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.ancestors().nth(2).map(PathBuf::from).unwrap_or(manifest)
}

/// The folder that cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `cargo` with these arguments, at the root, built with the toolchain that built this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What cargo told this program about itself: some build scripts (ring's) watch these variables, and would build anew,
    // with everything above them, whenever a developer changes between `cargo` and `cargo xtask`.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"]
            .iter()
            .any(|p| told.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command that must succeed, its output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// What a command prints on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} did not print text", shown(command)))
}

/// A check that passes or fails as a whole.
pub(crate) fn check(command: &mut Command) -> Outcome {
    match run(command) {
        Ok(()) => Outcome::Passed { tests: 1 },
        Err(error) => Outcome::Failed { passed: 0, failed: 1, why: format!("{error:#}") },
    }
}

/// Runs `cargo test …`, shows its output, and counts the tests in it. No test at all is a failure: a filter that matches
/// nothing must not look like success.
pub(crate) fn count_tests(command: &mut Command) -> Result<Outcome> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let mut counts = TestCounts::default();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        counts.read(&line);
    }
    let status = child.wait()?;
    Ok(match (status.success(), counts) {
        (true, TestCounts { passed: 0, .. }) => {
            Outcome::Failed { passed: 0, failed: 1, why: format!("no test ran in {}", shown(command)) }
        }
        (true, TestCounts { ignored: 1.., passed, .. }) => {
            Outcome::Failed { passed, failed: 1, why: "ignored tests are not allowed here".to_owned() }
        }
        (true, TestCounts { passed, .. }) => Outcome::Passed { tests: passed },
        (false, TestCounts { passed, failed, .. }) => {
            Outcome::Failed { passed, failed: failed.max(1), why: format!("{} ended with {status}", shown(command)) }
        }
    })
}

/// Sums of the `test result:` lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TestCounts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl TestCounts {
    fn read(&mut self, line: &str) {
        let Some(results) = line.trim_start().strip_prefix("test result: ") else { return };
        let results = results.split_once(". ").map_or(results, |(_, counts)| counts);
        for part in results.split("; ") {
            let (number, word) = part.split_once(' ').unwrap_or((part, ""));
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs `work` and says how long it took.
#[expect(clippy::disallowed_methods, reason = "measuring for a person at the terminal")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let value = work();
    (value, start.elapsed())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_are_summed() {
        let mut counts = TestCounts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.02s",
            "test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, TestCounts { passed: 7, failed: 2, ignored: 1 });
    }
}
