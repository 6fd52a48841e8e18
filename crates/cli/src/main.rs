//! The `annals` binary.

mod command;
mod config;
mod demo;
mod generate;
mod info;
mod ingest;
mod input;
mod output;
mod paint;
mod progress;
mod search;
mod session;
mod shell;
mod sql;
mod stopwatch;
mod trace;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::command::{Cli, Command};

/// Faster than the system's for many short-lived column buffers on several threads, and returns memory to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell conventionally reports for a process ended by SIGPIPE is not an error of ours: the reader had enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[expect(clippy::print_stderr, reason = "the one place where a command's error is told")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging();
    let outcome = match &cli.command {
        Command::Ingest(command) => ingest::run(&cli.common, command),
        Command::Search(command) => search::run(&cli.common, command),
        Command::Trace(command) => trace::run(&cli.common, command),
        Command::Sql(command) => sql::run(&cli.common, command),
        Command::Config(command) => config::run(&cli.common, command),
        Command::Info(command) => info::run(&cli.common, command),
        Command::Verify(command) => verify::run(&cli.common, command),
        Command::Generate(command) => generate::run(command),
        Command::Demo(command) => demo::run(&cli.common, command),
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

/// Warnings on standard error; `ANNALS_LOG=info` (or a tracing filter) shows more. The Delta library logs what it also
/// returns, as errors, where there is nothing wrong (a table that does not exist yet): it is silent unless asked for.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANNALS_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("warn,delta_kernel=off,delta_kernel_default_engine=off")
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
