//! Searches, traces and SQL asked of a server.

use annals_event::event_schema;
use annals_query::EventQuery;
use anyhow::{Context, Result};
use arrow::compute::concat_batches;
use futures::TryStreamExt;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::arrow_stream::rows;
use super::client::Client;
use super::parameters::parameters;
use crate::source::{Page, Rows, STATS};

const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Header with the cursor of the next page.
const NEXT: &str = "annals-next";
/// Most events that a server gives in one answer.
const PAGE_EVENTS_MAX: usize = 10_000;

impl Client {
    /// Answers a filter scan, by as many requests as its limit takes.
    pub(crate) async fn search(&self, query: &EventQuery) -> Result<Page> {
        query.validate()?;
        let filters = parameters(query);
        let (mut batches, mut stats) = (Vec::new(), Vec::new());
        let mut left = query.limit;
        let mut next = query.after.as_ref().map(ToString::to_string);
        loop {
            let limit = left.min(PAGE_EVENTS_MAX).to_string();
            let response = self
                .ask(|| {
                    let request = self.request(Method::GET, "/v1/events").header(ACCEPT, ARROW_STREAM).query(&filters);
                    let request = request.query(&[("limit", limit.as_str())]);
                    match &next {
                        Some(cursor) => request.query(&[("after", cursor.as_str())]),
                        None => request,
                    }
                })
                .await?;
            let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
            let cursor = header(NEXT);
            stats.extend(header(STATS));
            let answer: Vec<_> = rows(response).await?.stream.try_collect().await?;
            let found = answer.iter().map(|batch| batch.num_rows()).sum::<usize>();
            batches.extend(answer);
            left = left.saturating_sub(found);
            next = cursor;
            if next.is_none() || left == 0 || found == 0 {
                break;
            }
        }
        let schema = batches.first().map_or_else(event_schema, |batch| batch.schema());
        let events = concat_batches(&schema, &batches).context("the server's answers do not fit together")?;
        Ok(Page { events, next, stats })
    }

    /// The rows of one statement.
    pub(crate) async fn sql(&self, statement: &str) -> Result<Rows> {
        let body = serde_json::json!({ "sql": statement }).to_string();
        let response = self
            .ask(|| {
                let request = self.request(Method::POST, "/v1/sql").header(ACCEPT, ARROW_STREAM);
                request.header(CONTENT_TYPE, "application/json").body(body.clone())
            })
            .await?;
        rows(response).await
    }
}
