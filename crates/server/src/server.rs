//! [`Server`]: listeners, the open store behind them, and the order of starting and stopping.
//!
//! Starting: listen, then open the store (which may replay a long log), then answer. Stopping: take nothing new, answer
//! what is in flight, flush if there is time, sync, let go. A kill at any moment costs only a replay.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use annals_event::Clock;
use annals_table::{FileSystem, Store};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::{App, Phase};
use crate::compaction;
use crate::connection::{Connections, serve};
use crate::error::{Error, Result};
use crate::http::{Guard, service};
use crate::node::Node;
use crate::otlp;
use crate::retention;
use crate::settings::{Resolved, ServeSettings};
use crate::sink::IntakeSink;
use crate::token::Token;

/// Of the time for stopping, what is left for syncing and closing the log after the last answer.
const CLOSING_S: u64 = 5;

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its settings, with the memory that they come to.
    pub resolved: Resolved,
    /// The store.
    pub store: Store,
    /// Directory of the write-ahead log, absolute.
    pub wal_dir: PathBuf,
    /// The file system of the log.
    pub fs: Arc<dyn FileSystem>,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the ids of new writers.
    pub seed: u64,
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    http: TcpListener,
    otlp: Option<(TcpListener, TcpListener)>,
    app: Arc<App>,
}

impl Server {
    /// Listens on the addresses of the settings.
    ///
    /// # Errors
    /// `Invalid` for an address beyond this machine without a token, or a token file that cannot be used; `Unavailable`
    /// when an address is taken.
    pub async fn bind(options: ServerOptions) -> Result<Self> {
        let settings = &options.resolved.settings;
        let token = settings.token_file.as_deref().map(Token::from_file).transpose()?;
        let mut addresses = vec![("http", settings.http)];
        if settings.otlp {
            addresses.extend([("otlp_http", settings.otlp_http), ("otlp_grpc", settings.otlp_grpc)]);
        }
        if token.is_none() {
            check_loopback(&addresses)?;
        }
        let http = listen("http", settings.http).await?;
        let otlp = if settings.otlp {
            let grpc = listen("otlp_grpc", settings.otlp_grpc).await?;
            Some((listen("otlp_http", settings.otlp_http).await?, grpc))
        } else {
            None
        };
        let bound: Vec<_> = addresses.iter().map(|(_, address)| *address).collect();
        let guard = Guard::new(token, &settings.allow_host, &bound);
        let app = Arc::new(App::starting(guard, options.clock.now_us()));
        Ok(Self { options, http, otlp, app })
    }

    /// Where HTTP is answered.
    ///
    /// # Errors
    /// `Unavailable` when the system does not tell.
    pub fn http_address(&self) -> Result<SocketAddr> {
        self.http.local_addr().map_err(|error| Error::unavailable("the address is not known", error))
    }

    /// Where OTLP is answered: HTTP, then gRPC.
    pub fn otlp_addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (http, grpc) = self.otlp.as_ref()?;
        Some((http.local_addr().ok()?, grpc.local_addr().ok()?))
    }

    /// Opens the store and answers until `stop` ends; `ready` is called once with the store's first answer possible.
    ///
    /// # Errors
    /// What opening the store meets. Errors of requests are theirs alone.
    ///
    /// # Durability
    /// When this returns, everything acknowledged is synced, and the next start replays only what could not be flushed
    /// in the time for stopping.
    pub async fn run(self, stop: impl Future<Output = ()>, ready: impl FnOnce()) -> Result<()> {
        let Self { options, http, otlp, app } = self;
        let settings = options.resolved.settings.clone();
        raise_open_files(settings.connections_max as u64);
        let url = http.local_addr().map(|address| format!("http://{}", reachable(address))).ok();
        let (stopping, stopped) = watch::channel(false);
        let connections = Connections {
            places: Arc::new(Semaphore::new(settings.connections_max)),
            head_timeout: Duration::from_secs(settings.header_timeout_s),
            stopping: stopped,
            stop_timeout: Duration::from_secs(settings.shutdown_s.saturating_sub(CLOSING_S).max(1)),
        };
        let mut listening = JoinSet::new();
        for (listener, router) in routers(&app, http, otlp) {
            listening.spawn(serve(listener, router, connections.clone()));
        }
        let (store, memory) = (options.store.clone(), options.resolved.memory);
        let opening = tokio::task::spawn_blocking(move || Node::open(&options, url.as_deref()));
        tokio::pin!(stop);
        let opened = tokio::select! {
            opened = opening => Some(opened),
            () = &mut stop => None,
        };
        let node = match opened {
            None => None,
            Some(Ok(Ok(node))) => Some(Arc::new(node)),
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(error)) => return Err(Error::internal("opening the store stopped unexpectedly", error)),
        };
        if let Some(node) = &node {
            app.enter(Phase::Ready(Arc::clone(node)));
            let retention = tokio::spawn(retention::run(Arc::clone(node), settings.clone()));
            let compaction = tokio::spawn(compaction::run(Arc::clone(node), store, memory, settings.clone()));
            ready();
            stop.await;
            retention.abort();
            compaction.abort();
        }
        tracing::info!("stopping: what is in flight is answered");
        // Tails end with the phase; the rest ends by being answered.
        app.enter(Phase::Stopping);
        stopping.send_replace(true);
        while listening.join_next().await.is_some() {}
        if let Some(node) = node {
            close(node, &settings).await;
        }
        Ok(())
    }
}

/// Flushes as far as there is time, then closes the logs.
async fn close(node: Arc<Node>, settings: &ServeSettings) {
    let closing = Arc::clone(&node);
    let flushed = tokio::task::spawn_blocking(move || closing.flush());
    let time = Duration::from_secs(settings.shutdown_s.min(CLOSING_S));
    match tokio::time::timeout(time, flushed).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "the last flush failed: the next start replays the log"),
        _ => tracing::info!("the last flush takes too long: the next start replays the log"),
    }
    let stopped = tokio::task::spawn_blocking(move || node.stop());
    if tokio::time::timeout(Duration::from_secs(CLOSING_S), stopped).await.is_err() {
        tracing::warn!("a flush is still at work: the next start replays its rows");
    }
}

/// Every listener with what it answers.
fn routers(app: &Arc<App>, http: TcpListener, otlp: Option<(TcpListener, TcpListener)>) -> Vec<(TcpListener, Router)> {
    let mut all = vec![(http, service(app))];
    if let Some((otlp_http, otlp_grpc)) = otlp {
        all.push((otlp_http, service(app)));
        let guarding = Arc::clone(app);
        let authorize: otlp::Authorize =
            Arc::new(move |headers| guarding.guard.check_token(headers).map_err(|problem| problem.detail().to_owned()));
        all.push((otlp_grpc, otlp::grpc_routes(Arc::new(IntakeSink::new(Arc::clone(app))), authorize)));
    }
    all
}

/// Refuses addresses that others can reach, where nobody is asked who they are.
fn check_loopback(addresses: &[(&str, SocketAddr)]) -> Result<()> {
    let open: Vec<_> = addresses
        .iter()
        .filter(|(_, address)| !address.ip().is_loopback())
        .map(|(name, address)| format!("{name} = {address}"))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "without a token only loopback addresses are served, and others can reach {}: set token_file, or listen on 127.0.0.1",
        open.join(", ")
    )))
}

async fn listen(name: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::unavailable(format!("cannot listen on {address} ({name}): is another server running there?"), error)
    })
}

/// An address that a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) if address.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        SocketAddr::V6(_) if address.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port()))
        }
        other => other,
    }
}

/// Lets this process hold as many connections as the settings allow, as far as the system does.
fn raise_open_files(connections_max: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections_max.saturating_add(1_024);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    if raised.is_err() || current < wanted {
        tracing::warn!(wanted, current, "fewer files may be open than connections_max needs: raise LimitNOFILE");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_others_can_reach_are_refused_by_name() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        check_loopback(&[("http", address("127.0.0.1:1")), ("otlp_http", address("[::1]:2"))]).unwrap();
        let error = check_loopback(&[("http", address("127.0.0.1:1")), ("otlp_grpc", address("0.0.0.0:4317"))]);
        let message = error.unwrap_err().to_string();
        assert!(message.contains("otlp_grpc = 0.0.0.0:4317") && !message.contains("http = 127"), "{message}");
    }

    #[test]
    fn a_client_on_this_machine_is_told_an_address_it_can_use() {
        assert_eq!(reachable("0.0.0.0:7".parse().unwrap()).to_string(), "127.0.0.1:7");
        assert_eq!(reachable("[::]:7".parse().unwrap()).to_string(), "[::1]:7");
        assert_eq!(reachable("10.0.0.1:7".parse().unwrap()).to_string(), "10.0.0.1:7");
    }
}
