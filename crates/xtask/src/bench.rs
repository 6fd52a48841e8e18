//! `cargo xtask bench`: the comparison with peers, which builds the release program and runs a Python script.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::python;
use crate::shell::{cargo, output, root, run, target_dir};

/// Pinned versions of the peers.
const REQUIREMENTS: &str = "benches/peers/requirements.txt";

/// Builds what is compared and runs the comparison with these arguments.
pub(crate) fn peers(arguments: &[&str]) -> Result<()> {
    // Of the whole workspace, though one target each: `--package` selects other features of DataFusion and compiles it anew.
    let annals = built(&["--release", "--workspace", "--bin", "annals"], "annals")?;
    let queries = built(&["--release", "--workspace", "--bench", "queries"], "queries")?;
    let mut script = Command::new(python::environment(REQUIREMENTS)?);
    script.arg(root().join("benches/peers/peers.py")).args(["--annals", &annals, "--queries", &queries, "--work"]);
    run(script.arg(target_dir().join("peers")).args(arguments).current_dir(root()))
}

/// Builds the program and compares its acknowledgements with a peer's.
pub(crate) fn acks(arguments: &[&str]) -> Result<()> {
    let annals = built(&["--release", "--workspace", "--bin", "annals"], "annals")?;
    let mut script = Command::new(python::environment(REQUIREMENTS)?);
    script.arg(root().join("benches/peers/acks.py")).args(["--annals", &annals, "--work"]);
    run(script.arg(target_dir().join("acks")).args(arguments).current_dir(root()))
}

/// Builds the program and measures how it replays a log.
pub(crate) fn replay(arguments: &[&str]) -> Result<()> {
    let annals = built(&["--release", "--workspace", "--bin", "annals"], "annals")?;
    let fill = built(&["--release", "--workspace", "--bench", "wal_fill"], "wal_fill")?;
    let mut script = Command::new(python::environment(REQUIREMENTS)?);
    script.arg(root().join("benches/peers/replay.py")).args(["--annals", &annals, "--fill", &fill, "--work"]);
    run(script.arg(target_dir().join("replay")).args(arguments).current_dir(root()))
}

/// Builds a program and returns its path.
fn built(arguments: &[&str], name: &str) -> Result<String> {
    let messages =
        output(cargo(&["build", "--locked", "--message-format", "json-render-diagnostics"]).args(arguments))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .with_context(|| format!("cargo built no program {name}"))
}

/// What there is to bench.
pub(crate) fn help() -> Result<bool> {
    println!(
        "cargo xtask bench peers [ARG…]       compare with DuckDB; --help names the arguments\n\
         cargo xtask bench acks [ARG…]        compare durable acknowledgements with DuckDB's committed inserts\n\
         cargo xtask bench replay [ARG…]      measure how a server replays the log that a crash left\n\
         cargo bench --workspace --bench N    one of ours (see benches/Cargo.toml)"
    );
    Ok(true)
}
