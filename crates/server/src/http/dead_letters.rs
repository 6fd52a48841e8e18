//! `GET /v1/dead-letters`: records that were refused, as events about them.

use std::sync::Arc;

use annals_event::ProjectId;
use annals_query::EventQuery;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::Problem;
use super::filters::{page, times};
use super::negotiate::{DEAD_LETTER_FORMATS, negotiate};
use super::params::Params;
use super::{routes, rows};
use crate::app::App;

/// Dead letters of a page when nobody says how many.
const LIMIT_DEFAULT: usize = 100;

/// A page of dead letters, newest first.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::DEAD_LETTERS.params);
    let projects = params.parsed("project", ProjectId::new);
    let (from_us, until_us) = times(&mut params, node.clock.now_us());
    let mut query = EventQuery { projects, from_us, until_us, ..EventQuery::default() };
    page(&mut params, &mut query, LIMIT_DEFAULT);
    let format = negotiate(&mut params, &headers, DEAD_LETTER_FORMATS)?;
    params.check()?;
    let Some(dead_letters) = node.engine.dead_letters() else {
        return Err(Problem::not_found("this server keeps no dead letters"));
    };
    let permit = node.reads.query().await?;
    let found = dead_letters.search(&query).await?;
    rows::page(found, format, permit).await
}
