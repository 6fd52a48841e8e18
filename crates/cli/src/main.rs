//! The `annals` binary.

mod access;
mod allocator;
mod command;
mod compact;
mod config;
mod dead_letters;
mod demo;
mod generate;
mod index;
mod info;
mod ingest;
mod input;
mod load;
mod output;
mod paint;
mod progress;
mod remote;
mod repair;
mod search;
mod serve;
mod session;
mod shell;
mod source;
mod sql;
mod stopwatch;
#[cfg(test)]
mod stub_server;
mod trace;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use annals_server::settings::LogFormat;
use clap::Parser;

use crate::command::{Cli, Command};

/// What a shell conventionally reports for a process ended by SIGPIPE is not an error of ours: the reader had enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[expect(clippy::print_stderr, reason = "the one place where a command's error is told")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli.command, cli.common.verbose);
    let outcome = match &cli.command {
        Command::Ingest(command) => ingest::run(&cli.common, command),
        Command::Search(command) => search::run(&cli.common, command),
        Command::Trace(command) => trace::run(&cli.common, command),
        Command::Sql(command) => sql::run(&cli.common, command),
        Command::Serve(command) => serve::run(&cli.common, command),
        Command::Config(command) => config::run(&cli.common, command),
        Command::DeadLetters(command) => dead_letters::run(&cli.common, command),
        Command::Info(command) => info::run(&cli.common, command),
        Command::Verify(command) => verify::run(&cli.common, command),
        Command::Compact(command) => compact::run(&cli.common, command),
        Command::Index(command) => index::run(&cli.common, command),
        Command::Repair => repair::run(&cli.common),
        Command::Generate(command) => generate::run(command),
        Command::Load(command) => load::run(&cli.common, command),
        Command::Demo(command) => demo::run(&cli.common, command, Some(serve::run_demo)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings on standard error, from a server what an operator wants to know besides; `ANNALS_LOG=info` (or a tracing
/// filter) shows more. The Delta library logs what it also returns, as errors, where there is nothing wrong (a table that
/// does not exist yet): it is silent unless asked for.
fn start_logging(command: &Command, verbose: bool) {
    let (level, json) = match command {
        Command::Serve(serve) => ("info", serve::log_format(serve) == LogFormat::Json),
        _ if verbose => ("info", false),
        _ => ("warn", false),
    };
    let quiet = "delta_kernel=off,delta_kernel_default_engine=off";
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANNALS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("{level},{quiet}")));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    if json { lines.json().flatten_event(true).init() } else { lines.init() }
}
