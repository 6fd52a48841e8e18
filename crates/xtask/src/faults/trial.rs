//! Trying the mutants: each is built in the copy, and the test that must notice it is run alone, with a time limit.
//!
//! Order: every test passes without a fault first, so a test that fails anyway does not pass for one that notices. A mutant
//! that does not compile proves nothing and is an error.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::mutants::{Mutant, load};
use super::replica::Replica;
use crate::shell::{cargo, output, run as run_command, timed};

/// How the run of one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    /// With the first line of what it said.
    Failed(String),
    /// It took longer than it may, and was ended.
    Hung,
    NoSuchTest,
}

/// Tries the mutants (all, if none are named) and returns whether each was noticed.
pub(super) fn run(only: &[String]) -> Result<bool> {
    let mutants = load(only)?;
    println!("copying the checkout");
    let bed = Bed { copy: Replica::make()? };
    println!("running the tests without any fault");
    bed.check_tests(&mutants)?;
    let mut survivors = Vec::new();
    let mut rows = Vec::new();
    for mutant in &mutants {
        println!("\n== {} (promise {}): {}", mutant.name, mutant.promise, mutant.why);
        let (ended, took) = timed(|| bed.try_one(mutant));
        let (noticed, how) = match ended? {
            Ended::Failed(said) => (true, format!("noticed: {said}")),
            Ended::Hung => (true, format!("noticed: the test did not end within {} s", mutant.limit_s)),
            Ended::Passed => (false, "NOT NOTICED: the test passed".to_owned()),
            Ended::NoSuchTest => bail!("{}: there is no test {}", mutant.name, mutant.test),
        };
        println!("{how}");
        if !noticed {
            survivors.push(mutant.name.as_str());
        }
        rows.push(format!("  {:<36} {:>6.0} s  {}  {how}", mutant.name, took.as_secs_f64(), mutant.test));
    }
    println!("\nFaults\n{}\n", rows.join("\n"));
    println!("{} faults, {} noticed", mutants.len(), mutants.len() - survivors.len());
    if !survivors.is_empty() {
        println!("not noticed: {}", survivors.join(", "));
    }
    Ok(survivors.is_empty())
}

/// Where mutants are tried.
struct Bed {
    copy: Replica,
}

/// A built test binary.
#[derive(Clone, Debug)]
struct Binary {
    program: PathBuf,
    package_dir: PathBuf,
}

impl Bed {
    /// Every test of these mutants passes in the copy as it is.
    fn check_tests(&self, mutants: &[Mutant]) -> Result<()> {
        let tests: BTreeMap<(&str, &str), &Mutant> =
            mutants.iter().map(|mutant| ((mutant.package.as_str(), mutant.test.as_str()), mutant)).collect();
        for is_integration in [false, true] {
            let tests = || tests.values().filter(|mutant| mutant.is_integration() == is_integration);
            let Some(first) = tests().next() else { continue };
            self.build(first)?;
            for mutant in tests() {
                match self.run_test(&self.build(mutant)?, mutant)? {
                    Ended::Passed => {}
                    ended => bail!("{} {} without any fault: {ended:?}", mutant.package, mutant.test),
                }
            }
        }
        Ok(())
    }

    /// Builds the program with the fault in it and runs the test.
    fn try_one(&self, mutant: &Mutant) -> Result<Ended> {
        let whole = self.copy.read(&mutant.file)?;
        self.copy.write(&mutant.file, &mutant.broken(&whole)?)?;
        let ended = self
            .build(mutant)
            .with_context(|| format!("{} does not compile, which proves nothing", mutant.name))
            .and_then(|binary| self.run_test(&binary, mutant));
        self.copy.write(&mutant.file, &whole)?;
        ended
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(arguments);
        command.current_dir(&self.copy.root).env("CARGO_TARGET_DIR", &self.copy.target);
        command
    }

    /// Builds the binary that holds the mutant's test.
    fn build(&self, mutant: &Mutant) -> Result<Binary> {
        // Always of the whole workspace: a part of it selects other features, and compiles the query engine anew.
        if mutant.is_integration() {
            run_command(&mut self.cargo(&["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
        }
        let which: &[&str] = if mutant.is_integration() { &["--test", "it"] } else { &["--lib"] };
        let build = ["test", "--workspace", "--locked", "--no-run", "--message-format", "json-render-diagnostics"];
        let messages = output(self.cargo(&build).args(which))?;
        let name = if mutant.is_integration() { "it".to_owned() } else { mutant.package.replace('-', "_") };
        let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|message| {
            message["target"]["name"] == name.as_str()
                && message["profile"]["test"] == true
                && message["executable"].is_string()
        });
        let built = built.with_context(|| format!("cargo built no tests of {}", mutant.package))?;
        let path = |value: &Value| value.as_str().map(PathBuf::from).context("cargo names a path");
        let manifest = path(&built["manifest_path"])?;
        let package_dir = manifest.parent().context("a manifest stands in a folder")?.to_owned();
        Ok(Binary { program: path(&built["executable"])?, package_dir })
    }

    fn run_test(&self, binary: &Binary, mutant: &Mutant) -> Result<Ended> {
        let mut command = Command::new(&binary.program);
        command.args(["--exact", &mutant.test, "--test-threads=1"]);
        command.current_dir(&binary.package_dir).env("CARGO_MANIFEST_DIR", &binary.package_dir);
        command.env("CARGO_TARGET_DIR", &self.copy.target);
        for name in ["ANNALS_FAULTS", "ANNALS_FAULTS_REPORT", "ANNALS_FAULTS_SEED", "ANNALS_BIN"] {
            command.env_remove(name);
        }
        if let Some(seed) = mutant.seed {
            command.env("ANNALS_FAULTS_SEED", seed.to_string());
        }
        run_limited(&mut command, Duration::from_secs(mutant.limit_s))
    }
}

/// Runs a test binary; ends it, and what it started, after `limit`.
fn run_limited(command: &mut Command, limit: Duration) -> Result<Ended> {
    // A group of its own, so that the servers which a test started end with it.
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let group = rustix::process::Pid::from_raw(i32::try_from(child.id())?).context("a process has an id")?;
    let mut stdout = child.stdout.take().context("standard output is piped")?;
    let (told, ended) = sync_channel(1);
    let reading = std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.read_to_end(&mut said);
        // Nobody waits any more after the limit.
        let _ = told.send(read.map(|_| said));
    });
    let said = ended.recv_timeout(limit);
    // Whoever is left holds the pipe open, or has lost its parent.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let status = child.wait()?;
    let _ = reading.join();
    match said {
        Ok(said) => Ok(verdict(&String::from_utf8_lossy(&said?), status.success())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(Ended::Hung),
    }
}

/// What the output of a test binary says of the one test that it ran.
fn verdict(said: &str, succeeded: bool) -> Ended {
    let result = said.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    match result {
        Some(result) if result.contains(" 0 passed; 0 failed") => Ended::NoSuchTest,
        Some(result) if succeeded && result.contains(" 1 passed; 0 failed") => Ended::Passed,
        Some(_) => {
            let mut lines = said.lines().skip_while(|line| !line.contains("panicked at"));
            let first = lines.nth(1).unwrap_or("it failed without a word");
            Ended::Failed(first.chars().take(160).collect())
        }
        None => Ended::Failed("it died without a result".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_test_binary_is_understood() {
        let passed = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        assert_eq!(verdict(passed, true), Ended::Passed);
        let none = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored";
        assert_eq!(verdict(none, true), Ended::NoSuchTest);
        let failed = "test a ... FAILED\nthread 'a' panicked at x.rs:1:1:\nrow 7 is lost\n\ntest result: FAILED. 0 passed; 1 failed;";
        assert_eq!(verdict(failed, false), Ended::Failed("row 7 is lost".to_owned()));
        assert!(matches!(verdict("running 1 test", false), Ended::Failed(_)));
    }

    #[test]
    fn a_command_that_does_not_end_is_ended_with_what_it_started() {
        let (ended, took) = timed(|| {
            run_limited(Command::new("sh").args(["-c", "sleep 60 & sleep 60"]), Duration::from_millis(200)).unwrap()
        });
        assert_eq!(ended, Ended::Hung);
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}
