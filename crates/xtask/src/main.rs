//! What a checkout needs done: `cargo xtask test` runs every test there is, `cargo xtask bench peers` the comparison.
//!
//! Few dependencies, so that a check of the format does not wait for the query engine to compile.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool reports on the terminal")]

mod bench;
mod chromium;
mod duplicates;
mod edges;
mod faults;
mod licences;
mod metadata;
mod mount;
mod node;
mod packages;
mod page;
mod python;
mod report;
mod shell;
mod steps;
mod syslog_ng;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
What a checkout of Annals needs done.

Usage: cargo xtask <command>

Commands:
  test                 run every step: format, clippy, edges, duplicates, licences, tests, docs, shared, python,
                       node, syslog-ng, page, mount
  test --list          name the steps and what each does
  test --only STEP     run this step only (may be repeated)
  ui                   build the web page from crates/server/ui and put the bundle where it is committed
  bench peers [ARG…]   compare with DuckDB, ClickHouse and Polars on generated events; arguments go to
                       benches/peers/peers.py (try --help), as they do to the others' scripts
  bench scale [ARG…]   find a trace among ten times as many events (benches/peers/scale.py)
  bench cold-s3 [ARG…] find a trace with a new server on object storage far away (benches/peers/cold_s3.py)
  bench ingest [ARG…]  ingest with few and many projects, and against another program (benches/peers/ingest.py)
  bench acks [ARG…]    compare durable acknowledgements with DuckDB's committed inserts (benches/peers/acks.py)
  bench page [ARG…]    measure the web page in a browser on a large store (benches/peers/page.py)
  bench replay [ARG…]  measure how a server replays the log that a crash left (benches/peers/replay.py)
  faults [ARG…]        try to break the promises of crates/RELIABILITY.md, or prove that the tests of them can fail
                       (try --help)
  help                 this text

Environment:
  ANNALS_SHARED     folder with data/ and suites/ for the tests on real input; without it they are listed as not run
  CARGO_TARGET_DIR  where builds and the clients in Python and Node go; default ./target

Exit code: 0 when nothing failed, 1 when something did, 2 for a wrong command line.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] | [_, "--help" | "-h"]
            if !matches!(words.as_slice(), ["bench" | "faults", ..]) =>
        {
            println!("{HELP}");
            Ok(true)
        }
        ["test", "--list"] => {
            for step in steps::ALL {
                println!("{:<12} {}", step.name, step.what);
            }
            Ok(true)
        }
        ["test", rest @ ..] => match only(rest) {
            Ok(only) => steps::run(&only),
            Err(error) => return usage(&error),
        },
        ["ui"] => page::rebuild().map(|()| true),
        ["bench", script @ ("peers" | "scale" | "ingest" | "acks"), rest @ ..] => {
            bench::script(script, rest).map(|()| true)
        }
        ["bench", "cold-s3", rest @ ..] => bench::script("cold_s3", rest).map(|()| true),
        ["bench", "page", rest @ ..] => bench::page(rest).map(|()| true),
        ["bench", "replay", rest @ ..] => bench::replay(rest).map(|()| true),
        ["bench", ..] => bench::help(),
        ["faults", "--help" | "-h" | "help"] => {
            println!("{}", faults::HELP);
            Ok(true)
        }
        ["faults", rest @ ..] => match faults::Request::read(rest) {
            Ok(request) => faults::run(&request),
            Err(error) => {
                eprintln!("error: {error}\n\n{}", faults::HELP);
                return ExitCode::from(2);
            }
        },
        _ => return usage(&anyhow::anyhow!("no such command: {}", words.join(" "))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The steps that `--only STEP …` names.
fn only(words: &[&str]) -> Result<Vec<String>> {
    let mut only = Vec::new();
    for pair in words.chunks(2) {
        match pair {
            ["--only", step] if steps::ALL.iter().any(|known| known.name == *step) => only.push((*step).to_owned()),
            ["--only", step] => bail!("no such step: {step} (see `cargo xtask test --list`)"),
            _ => bail!("expected --only STEP, found {}", pair.join(" ")),
        }
    }
    Ok(only)
}

fn usage(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error}\n\n{HELP}");
    ExitCode::from(2)
}
