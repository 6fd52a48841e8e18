//! `cargo xtask bench`: builds the release program and runs one of the Python scripts that measure it.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{cargo, output, root, run, target_dir};
use crate::{page, python};

/// Pinned versions of the peers and of the S3 server.
const REQUIREMENTS: &str = "benches/peers/requirements.txt";

/// Runs one of `benches/peers` on the program, which it builds, with a folder of its own and these arguments.
pub(crate) fn script(name: &str, arguments: &[&str]) -> Result<()> {
    // Of the whole workspace, though one target: `--package` selects other features of DataFusion and compiles it anew.
    let annals = built(&["--release", "--workspace", "--bin", "annals"], "annals")?;
    let mut script = Command::new(python::environment(REQUIREMENTS)?);
    script.arg(root().join("benches/peers").join(name).with_extension("py")).args(["--annals", &annals, "--work"]);
    run(script.arg(target_dir().join(name)).args(arguments).current_dir(root()))
}

/// Builds the program and measures its web page in a real browser.
pub(crate) fn page(arguments: &[&str]) -> Result<()> {
    let annals = built(&["--release", "--workspace", "--bin", "annals"], "annals")?;
    let mut script = Command::new(python::environment(REQUIREMENTS)?);
    script.arg(root().join("benches/peers/page.py")).args(["--annals", &annals, "--work"]);
    script.arg(target_dir().join("page-bench")).args(arguments).current_dir(root());
    page::with_browser(&mut script)?;
    run(&mut script)
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
        "cargo xtask bench peers [ARG…]       compare with DuckDB, ClickHouse, Polars; --help names the arguments\n\
         cargo xtask bench scale [ARG…]       find a trace among ten times as many events\n\
         cargo xtask bench cold-s3 [ARG…]     find a trace with a new server on object storage far away\n\
         cargo xtask bench ingest [ARG…]      ingest with few and many projects, and against another program\n\
         cargo xtask bench acks [ARG…]        compare durable acknowledgements with DuckDB's committed inserts\n\
         cargo xtask bench page [ARG…]        measure the web page in a browser on a large store\n\
         cargo xtask bench replay [ARG…]      measure how a server replays the log that a crash left\n\
         cargo bench --workspace --bench N    one of ours (see benches/Cargo.toml)"
    );
    Ok(true)
}
