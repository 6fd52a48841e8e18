//! `annals load`: a load that anyone can repeat, and the proof that the server kept what it acknowledged.
//!
//! Bodies are made before the run; a request is a copy of one with some digits written over, sent over a plain HTTP/1.1
//! connection of its own, so that the client costs little of a machine that it shares with the server.

mod audit;
mod bystanders;
mod check;
mod connection;
mod encoding;
mod judgement;
mod ledger;
mod marker;
mod pace;
mod producer;
mod report;
mod run;
mod tally;
mod template;

#[cfg(test)]
mod tests;

pub(crate) use encoding::Encoding;
pub(crate) use report::ReportFormat;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use annals_event::{Clock, SystemClock, parse_duration_us};
use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;

use crate::command::{Common, Load};
use crate::paint::Paint;
use crate::progress::Progress;
use crate::remote::{Client, ServerUrl, Token};
use crate::session::seed;
use crate::source::Source;

use ledger::{Ledger, LedgerWriter};
use marker::RunId;
use report::{Report, RunReport, second_line};
use run::RunPlan;
use template::{BODY_BYTES_MAX, POOL_EVENTS, Pool, PoolPlan};

/// Where `annals serve` listens unless it is told otherwise.
const SERVER_DEFAULT: &str = "http://127.0.0.1:6170";

pub(crate) fn run(common: &Common, command: &Load) -> Result<()> {
    let server = common.server.clone().map_or_else(|| SERVER_DEFAULT.parse(), Ok)?;
    let token = common.token_file.as_deref().map(Token::read).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(command.threads.into())
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let source = Source::Remote(Client::new(server.clone(), token.as_ref())?);
    let paint = Paint::for_stdout(common.color);
    if command.check_only {
        let path = command.ledger.as_deref().context("--check-only needs the run's ledger: --ledger FILE")?;
        let ledger = Ledger::read(path)?;
        return finish(&runtime, &source, Report::default(), Some(&ledger), command, paint);
    }
    let (plan, pool) = prepare(server, token.as_ref(), command)?;
    let mut book = None;
    if command.check || command.ledger.is_some() {
        let since_us = pool.end_us - pool.spread_us - 1_000_000;
        let ledger = Ledger::new(plan.run, plan.batch, since_us);
        book = Some(LedgerWriter::create(ledger, command.ledger.as_deref())?);
    }
    let pool = Pool::build(&pool)?;
    let progress = Seconds::start();
    let show = |nth, second| progress.show(&second_line(nth, second));
    let mut ended = runtime.block_on(run::run(plan.clone(), pool, book, show))?;
    progress.finish();
    let load = RunReport::of(&plan, ended.elapsed, &mut ended.tally);
    let acked = load.acked_events();
    let ledger = ended.ledger.map(LedgerWriter::finish).transpose()?;
    let report = Report { load: Some(load), check: None };
    if let Some(failure) = ended.failure {
        finish(&runtime, &source, report, None, command, paint)?;
        return Err(failure).context("the run ended before its time");
    }
    finish(&runtime, &source, report, ledger.as_ref().filter(|_| command.check), command, paint)?;
    if acked == 0 {
        bail!("nothing was acknowledged: see the answers and errors above");
    }
    Ok(())
}

/// What the flags ask for.
fn prepare(server: ServerUrl, token: Option<&Token>, command: &Load) -> Result<(RunPlan, PoolPlan)> {
    if server.is_https() {
        bail!("the load generator speaks plain HTTP only, to measure the server and not the encryption");
    }
    if u64::from(command.batch) * command.event_bytes > BODY_BYTES_MAX {
        bail!(
            "a request of {} events of {} bytes is above 64 MiB: lower --batch or --event-bytes",
            command.batch,
            command.event_bytes
        );
    }
    let spread_us = parse_duration_us(&command.spread).context("--spread")?;
    let clock = SystemClock;
    let run = RunId::new((seed(&clock) >> 32) as u32);
    let pool = PoolPlan {
        run,
        batch: command.batch,
        events: POOL_EVENTS,
        seed: command.seed,
        projects: command.projects,
        ids: command.ids,
        event_bytes: command.event_bytes,
        end_us: clock.now_us(),
        spread_us,
    };
    let plan = RunPlan {
        run,
        server,
        authorization: token.map(Token::header),
        connections: command.connections,
        batch: command.batch,
        duration: Duration::from_secs(command.seconds.into()),
        rate: command.rate,
        ack: command.ack.as_str(),
        ids: command.ids,
        keys: command.idempotency_keys,
        encoding: command.encoding,
        overload: command.overload,
        idle: command.idle,
        slow: command.slow_readers,
    };
    Ok((plan, pool))
}

/// Checks where there is a ledger, then reports.
///
/// # Errors
/// When the check finds the store other than acknowledged.
fn finish(
    runtime: &Runtime,
    source: &Source,
    mut report: Report,
    ledger: Option<&Ledger>,
    command: &Load,
    paint: Paint,
) -> Result<()> {
    if let Some(ledger) = ledger {
        let mut progress = None;
        let verdict = runtime.block_on(check::check(source, ledger, |done, all| {
            let bar = progress.get_or_insert_with(|| Progress::over_items(all as u64, "questions", false));
            bar.set(done as u64, String::new());
        }))?;
        if let Some(bar) = progress {
            bar.finish();
        }
        report.check = Some(verdict);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    report.write(command.format, paint, &mut out)?;
    out.flush()?;
    match report.check {
        Some(verdict) if !verdict.is_good() => bail!(
            "the store is not as acknowledged: {} events lost, {} doubled, {} invented",
            verdict.lost,
            verdict.doubled,
            verdict.invented
        ),
        _ => Ok(()),
    }
}

/// The line of the second before: replaced on a terminal, one below the other in a pipe.
struct Seconds {
    is_terminal: bool,
}

impl Seconds {
    fn start() -> Self {
        Self { is_terminal: io::stderr().is_terminal() }
    }

    #[expect(clippy::print_stderr, reason = "progress stays out of the report on standard output")]
    fn show(&self, line: &str) {
        if self.is_terminal {
            eprint!("\r\x1b[K{line}");
        } else {
            eprintln!("{line}");
        }
    }

    #[expect(clippy::print_stderr, reason = "progress stays out of the report on standard output")]
    fn finish(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}
