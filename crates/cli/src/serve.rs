//! `annals serve`: settings from all their layers, a server, and its life from first address to last sync.

use std::time::Duration;

use annals_server::settings::LogFormat;
use annals_server::{Resolved, Server, ServerOptions};
use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::command::{Common, Serve};
use crate::session::Session;
use crate::{allocator, config};

/// How long what still runs after the last sync is waited for.
const LEAVE_TIME: Duration = Duration::from_secs(1);

pub(crate) fn run(common: &Common, command: &Serve) -> Result<()> {
    let resolved = config::load(command)?;
    allocator::suit(&resolved.memory);
    let mut common = common.clone();
    common.store.clone_from(&resolved.settings.store);
    common.wal.clone_from(&resolved.settings.wal);
    run_with(Session::connect(&common)?, resolved, |_| {})
}

/// Serves a store until SIGTERM or Ctrl-C. `ready` is told the address once requests are answered.
pub(crate) fn run_with(session: Session, resolved: Resolved, ready: impl FnOnce(&str)) -> Result<()> {
    let Session { runtime, store, wal_dir, fs, clock } = session;
    let seed = crate::session::seed(clock.as_ref());
    let outcome = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
        let url = store.url().to_owned();
        let options = ServerOptions { resolved, store, wal_dir, fs, clock, seed };
        let server = Server::bind(options).await?;
        let address = format!("http://{}", server.http_address()?);
        let otlp = server.otlp_addresses();
        tracing::info!(store = %url, http = %address, "listening; the store is being opened");
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let told = move || {
            tracing::info!(http = %address, "ready");
            if let Some((http, grpc)) = otlp {
                tracing::info!(%http, %grpc, "ready for OTLP logs");
            }
            ready(&address);
        };
        server.run(stop, told).await.context("the server cannot go on")
    });
    // What blocks beyond the time for stopping is left behind: the log is whole, the next start replays it.
    runtime.shutdown_timeout(LEAVE_TIME);
    outcome
}

/// Serves the store that the demo made, by the settings that a server here would have.
#[expect(clippy::print_stdout, reason = "the demo talks to the person at the terminal")]
pub(crate) fn run_demo(common: &Common, session: Session) -> Result<()> {
    let mut resolved = config::load(&Serve::default())?;
    resolved.settings.store.clone_from(&common.store);
    run_with(session, resolved, |address| {
        println!("The store is served at {address} until Ctrl-C. From another terminal:");
        println!("  curl -s '{address}/v1/events?level=ERROR&limit=3'");
        println!("  curl -s '{address}/v1/events?project=acme' -d '{{\"type\":\"hello\",\"message\":\"from me\"}}'");
        println!("  curl -N '{address}/v1/tail?project=acme'");
    })
}

/// Logs of a server, on standard error: what an operator wants to know, in the format of the settings.
pub(crate) fn log_format(command: &Serve) -> LogFormat {
    // A mistake in the settings is told by the command itself.
    config::load(command).map_or(LogFormat::Text, |resolved| resolved.settings.log_format)
}
