//! The steps of `cargo xtask test`, in order: the cheap ones first.
//!
//! Tests that need more than a checkout stand in modules named for the need, `needs_shared` and `needs_python`; a step of
//! its own runs each kind, or lists it as not run.

use anyhow::Result;

use crate::metadata::Metadata;
use crate::report::{Outcome, Report};
use crate::shell::{cargo, check, count_tests, run as run_command, timed};
use crate::{duplicates, edges, licences, python};

/// Pinned versions of the Python clients.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    run: fn() -> Result<Outcome>,
}

/// All steps.
pub(crate) const ALL: &[Step] = &[
    Step { name: "format", what: "cargo fmt --check", run: format },
    Step { name: "edges", what: "imports between the crates run one way", run: || graph(edges::violations) },
    Step {
        name: "duplicates",
        what: "one arrow, parquet, object_store, datafusion",
        run: || graph(duplicates::violations),
    },
    Step { name: "licences", what: "every dependency's licence is on the list", run: || graph(licences::violations) },
    Step { name: "clippy", what: "cargo clippy, warnings denied", run: clippy },
    Step { name: "tests", what: "unit and integration tests", run: tests },
    Step { name: "docs", what: "examples in the documentation", run: docs },
    Step { name: "shared", what: "tests on the data and suites of ANNALS_SHARED", run: shared },
    Step { name: "python", what: "Python clients read the store; an S3 server holds one", run: python },
];

/// Runs the steps named (all, if none are), prints the summary, and returns whether nothing failed.
pub(crate) fn run(only: &[String]) -> Result<bool> {
    let mut report = Report::default();
    for step in ALL.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)) {
        println!("\n== {}: {}", step.name, step.what);
        let (outcome, took) = timed(step.run);
        let outcome =
            outcome.unwrap_or_else(|error| Outcome::Failed { passed: 0, failed: 1, why: format!("{error:#}") });
        report.add(step.name, outcome, took);
    }
    println!("{}", report.summary());
    Ok(report.is_good())
}

fn format() -> Result<Outcome> {
    Ok(check(&mut cargo(&["fmt", "--all", "--check"])))
}

/// The tests of the command line and of S3 run the real program; built as part of the workspace, it shares every crate
/// with the tests.
fn build_program() -> Result<()> {
    run_command(&mut cargo(&["build", "--workspace", "--bins", "--locked"]))
}

/// A rule over the graph of packages.
fn graph(violations: fn(&Metadata) -> Vec<String>) -> Result<Outcome> {
    let metadata = Metadata::load()?;
    let found = violations(&metadata);
    for violation in &found {
        println!("{violation}");
    }
    Ok(match found.len() {
        0 => Outcome::Passed { tests: 1 },
        count => Outcome::Failed { passed: 0, failed: 1, why: format!("{count} broken, named above") },
    })
}

fn clippy() -> Result<Outcome> {
    Ok(check(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])))
}

fn tests() -> Result<Outcome> {
    build_program()?;
    let plain = ["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast", "--"];
    count_tests(cargo(&plain).args(["--skip", "needs_shared", "--skip", "needs_python"]))
}

fn docs() -> Result<Outcome> {
    count_tests(&mut cargo(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]))
}

fn shared() -> Result<Outcome> {
    if std::env::var_os("ANNALS_SHARED").is_none() {
        return Ok(Outcome::NotRun {
            why: "ANNALS_SHARED is not set; run: ANNALS_SHARED=FOLDER cargo xtask test --only shared".to_owned(),
        });
    }
    count_tests(cargo(&["test", "--workspace", "--locked", "--test", "it", "--"]).arg("needs_shared"))
}

fn python() -> Result<Outcome> {
    match python::environment(REQUIREMENTS) {
        Ok(python) => build_program().and_then(|()| {
            count_tests(
                cargo(&["test", "--workspace", "--locked", "--test", "it", "--"])
                    .arg("needs_python")
                    .env("ANNALS_PYTHON", python),
            )
        }),
        Err(error) => Ok(Outcome::NotRun { why: format!("{error:#}; then run: cargo xtask test --only python") }),
    }
}
