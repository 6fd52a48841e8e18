//! The steps of `cargo xtask test`, in order: the cheap ones first.
//!
//! Tests that need more than a checkout stand in modules named for the need, such as `needs_python` (see [`NEEDS`]); a step
//! of its own runs each kind, or lists it as not run.

use std::process::Command;

use anyhow::Result;

use crate::metadata::Metadata;
use crate::report::{Outcome, Report};
use crate::shell::{cargo, check, count_tests, run as run_command, timed};
use crate::{duplicates, edges, licences, mount, node, page, python, syslog_ng};

/// Pinned versions of the Python clients.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// Pinned versions of OpenTelemetry's clients for Python.
const OTLP_REQUIREMENTS: &str = "tests/otlp/requirements.txt";

/// OpenTelemetry's clients for Node, the script that uses them, and the version of Node that they need.
const NODE_CLIENTS: (&str, &str, (u32, u32)) = ("tests/otlp", "send_logs.mjs", (20, 6));

/// Names of modules whose tests need more than a checkout.
pub(crate) const NEEDS: [&str; 6] =
    ["needs_shared", "needs_python", "needs_node", "needs_syslog_ng", "needs_mount", "needs_page"];

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
    Step {
        name: "python",
        what: "Python clients read the store and send log records; an S3 server holds a store",
        run: python,
    },
    Step { name: "node", what: "Node clients send log records", run: node },
    Step { name: "syslog-ng", what: "syslog-ng forwards its messages", run: syslog_ng },
    Step { name: "page", what: "the page is the build of its sources, and works in Chromium", run: page },
    Step { name: "mount", what: "a server on a file system that is really full", run: mounted },
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
    count_tests(cargo(&plain).args(NEEDS.iter().flat_map(|need| ["--skip", need])))
}

fn docs() -> Result<Outcome> {
    count_tests(&mut cargo(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]))
}

/// Why the tests of this need cannot run here; `None` when they can, without anything being installed for them.
pub(crate) fn unmet(need: &str) -> Option<String> {
    match need {
        "needs_shared" if std::env::var_os("ANNALS_SHARED").is_some() => None,
        "needs_shared" => {
            Some("ANNALS_SHARED is not set; run: ANNALS_SHARED=FOLDER cargo xtask test --only shared".to_owned())
        }
        "needs_mount" => {
            mount::check().err().map(|error| format!("{error:#}; then run: cargo xtask test --only mount"))
        }
        other => Some(format!(
            "it may be installed first; run: cargo xtask test, step {}",
            other.trim_start_matches("needs_")
        )),
    }
}

fn shared() -> Result<Outcome> {
    match unmet("needs_shared") {
        Some(why) => Ok(Outcome::NotRun { why }),
        None => build_program().and_then(|()| count_tests(&mut tests_that("needs_shared"))),
    }
}

fn mounted() -> Result<Outcome> {
    match unmet("needs_mount") {
        Some(why) => Ok(Outcome::NotRun { why }),
        None => build_program().and_then(|()| count_tests(&mut tests_that("needs_mount"))),
    }
}

/// The integration tests of one need.
fn tests_that(need: &str) -> Command {
    let mut command = cargo(&["test", "--workspace", "--locked", "--test", "it", "--"]);
    command.arg(need);
    command
}

fn python() -> Result<Outcome> {
    let environments = python::environment(REQUIREMENTS).and_then(|readers| {
        let senders = python::environment(OTLP_REQUIREMENTS)?;
        Ok((readers, senders))
    });
    match environments {
        Ok((readers, senders)) => build_program().and_then(|()| {
            let mut tests = tests_that("needs_python");
            count_tests(tests.env("ANNALS_PYTHON", readers).env("ANNALS_PYTHON_OTLP", senders))
        }),
        Err(error) => Ok(Outcome::NotRun { why: format!("{error:#}; then run: cargo xtask test --only python") }),
    }
}

fn node() -> Result<Outcome> {
    let (folder, script, version_min) = NODE_CLIENTS;
    match node::environment(folder, &[script], version_min) {
        Ok(folder) => build_program().and_then(|()| count_tests(tests_that("needs_node").env("ANNALS_NODE", folder))),
        Err(error) => Ok(Outcome::NotRun { why: format!("{error:#}; then run: cargo xtask test --only node") }),
    }
}

fn page() -> Result<Outcome> {
    let mut tests = tests_that("needs_page");
    let needed = page::environment().and_then(|sources| page::with_browser(&mut tests).map(|_| sources));
    match needed {
        Ok(sources) => {
            page::check(&sources)?;
            build_program()?;
            count_tests(&mut tests)
        }
        Err(error) => Ok(Outcome::NotRun { why: format!("{error:#}; then run: cargo xtask test --only page") }),
    }
}

fn syslog_ng() -> Result<Outcome> {
    match syslog_ng::program() {
        Ok(program) => {
            build_program().and_then(|()| count_tests(tests_that("needs_syslog_ng").env("ANNALS_SYSLOG_NG", program)))
        }
        Err(error) => Ok(Outcome::NotRun { why: format!("{error:#}; then run: cargo xtask test --only syslog-ng") }),
    }
}
