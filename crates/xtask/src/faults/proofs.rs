//! Running the proofs and collecting what they told.

use anyhow::{Context, Result};

use super::kept::Kept;
use super::table::Table;
use super::{Request, reliability};
use crate::report::Outcome;
use crate::shell::{cargo, count_tests, run as run_command, target_dir, timed};
use crate::steps::{NEEDS, unmet};

/// Where proofs tell what they counted (`annals_testkit::Proof`).
const REPORT: &str = "ANNALS_FAULTS_REPORT";
/// Tests of a promise have one of these in their path, wherever they stand.
const NAMES: [&str; 2] = ["proof", "fuzz"];

/// Runs the proofs asked for, prints the table, and returns whether all held.
pub(super) fn run(request: &Request) -> Result<bool> {
    let folder = std::path::absolute(target_dir().join("faults"))?;
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let report = folder.join("report.ndjson");
    let form = if request.full { "full" } else { "short" };
    let kept = folder.join(format!("{form}.ndjson"));
    let earlier = if request.resume { Kept::read(&kept)? } else { Kept::default() };
    std::fs::write(&report, "").with_context(|| format!("cannot write {}", report.display()))?;

    let profile: &[&str] = if request.full { &["--release"] } else { &[] };
    run_command(cargo(&["build", "--workspace", "--bins", "--locked"]).args(profile))?;
    let mut tests = cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast"]);
    tests.args(profile).arg("--");
    if request.only.is_empty() {
        tests.args(NAMES)
    } else {
        tests.args(&request.only)
    };
    let unmet: Vec<(&str, String)> = NEEDS.iter().filter_map(|need| unmet(need).map(|why| (*need, why))).collect();
    tests.args(unmet.iter().flat_map(|(need, _)| ["--skip", need]));
    if request.full {
        // One after the other: what a proof says of memory and time must not be another's doing.
        tests.arg("--test-threads=1");
    }
    tests.env(REPORT, &report).env("ANNALS_FAULTS", if request.full { "full" } else { "short" });
    let (outcome, took) = timed(|| count_tests(&mut tests));
    let outcome = outcome?;

    let told = std::fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
    let kept_now = earlier.renewed(Table::read(&told)?, reliability::run_on(took, &request.only)?);
    // A part of the proofs is no table to go on from.
    if request.resume || request.only.is_empty() {
        kept_now.write(&kept)?;
    }
    let Kept { table, runs } = kept_now;
    println!("\n{}\n", table.text());
    for (need, why) in &unmet {
        println!("not run: tests of {need} ({why})");
    }
    let passed = match &outcome {
        Outcome::Passed { tests } => {
            println!("{form} form: {tests} tests passed in {:.0} s", took.as_secs_f64());
            true
        }
        Outcome::Failed { passed, failed, why } => {
            println!("{form} form: {passed} tests passed, {failed} FAILED ({why})");
            false
        }
        Outcome::NotRun { why } => {
            println!("{form} form: not run ({why})");
            false
        }
    };
    if table.is_empty() && request.only.is_empty() {
        println!("no proof told anything: annals_testkit::Proof writes to the file that {REPORT} names");
        return Ok(false);
    }
    let held = passed && table.is_good();
    if request.write && held {
        reliability::write(&table, form, &runs, &unmet)?;
    } else if request.write {
        println!("{} stays as it is: it tells of runs in which all promises held", reliability::PATH);
    }
    Ok(held)
}
