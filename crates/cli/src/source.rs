//! [`Source`]: what answers searches, traces and SQL, be it an engine in this process or a server.
//!
//! Both give the same [`Page`] and [`Rows`], so that everything behind them (tables, formats, the shell) exists once.

use std::sync::{Arc, OnceLock};

use annals_query::{Engine, Error, EventPage, EventQuery, SqlStats, TraceQuery};
use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use reqwest::header::HeaderMap;

use crate::remote::Client;

/// The header or trailer in which a server says what an answer took.
pub(crate) const STATS: &str = "annals-stats";

/// Answers questions about events.
pub(crate) enum Source {
    /// The engine of this process.
    Local(Box<Engine>),
    /// A server.
    Remote(Client),
}

/// One page of events.
#[derive(Debug)]
pub(crate) struct Page {
    /// The rows in `annals_event::event_schema()`, in the order asked for.
    pub(crate) events: RecordBatch,
    /// Where the next page starts, as text; `None` when no more rows match.
    pub(crate) next: Option<String>,
    /// What it took: one JSON object for each scan.
    pub(crate) stats: Vec<String>,
}

/// The rows of one SQL statement, as they come.
pub(crate) struct Rows {
    /// Schema of every batch.
    pub(crate) schema: SchemaRef,
    pub(crate) stream: BoxStream<'static, Result<RecordBatch>>,
    pub(crate) stats: RowsStats,
}

/// What a statement took: known when its last row was read.
#[derive(Clone)]
pub(crate) enum RowsStats {
    /// The engine of this process counts it.
    Local(SqlStats),
    /// A server says it, as one JSON object.
    Remote(Arc<OnceLock<String>>),
}

impl Default for RowsStats {
    /// What a server has yet to say.
    fn default() -> Self {
        Self::Remote(Arc::default())
    }
}

impl RowsStats {
    /// Takes what a server says of it, if it is among these headers or trailers.
    pub(crate) fn set_header(&self, headers: &HeaderMap) {
        if let (Self::Remote(stats), Some(said)) = (self, headers.get(STATS).and_then(|value| value.to_str().ok())) {
            stats.get_or_init(|| said.to_owned());
        }
    }

    /// One JSON object; `None` when a server did not say it.
    pub(crate) fn json(&self) -> Option<String> {
        match self {
            Self::Local(stats) => serde_json::to_string(&stats.read()).ok(),
            Self::Remote(stats) => stats.get().cloned(),
        }
    }
}

impl Source {
    /// One page of a filter scan.
    pub(crate) async fn search(&self, query: &EventQuery) -> Result<Page> {
        match self {
            Self::Local(engine) => Page::of(engine.search(query).await?),
            Self::Remote(client) => client.search(query).await,
        }
    }

    /// All events of a trace, oldest first.
    pub(crate) async fn trace(&self, query: &TraceQuery) -> Result<Page> {
        match self {
            Self::Local(engine) => Page::of(engine.trace(query).await?),
            Self::Remote(client) => client.search(&query.event_query()).await,
        }
    }

    /// The rows of one statement.
    pub(crate) async fn sql(&self, statement: &str) -> Result<Rows> {
        match self {
            Self::Local(engine) => {
                let answer = engine.sql(statement).await?;
                let stream = answer.stream.map_err(|error| Error::from_datafusion(error).into()).boxed();
                Ok(Rows { schema: answer.schema, stream, stats: RowsStats::Local(answer.stats) })
            }
            Self::Remote(client) => client.sql(statement).await,
        }
    }

    /// All rows of one statement, in memory.
    pub(crate) async fn sql_all(&self, statement: &str) -> Result<Vec<RecordBatch>> {
        self.sql(statement).await?.stream.try_collect().await
    }
}

impl Page {
    fn of(page: EventPage) -> Result<Self> {
        let stats = serde_json::to_string(&page.stats).context("cannot write down what the search read")?;
        Ok(Self { events: page.events, next: page.next.map(|next| next.to_string()), stats: vec![stats] })
    }
}
