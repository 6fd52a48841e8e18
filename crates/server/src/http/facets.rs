//! `GET /v1/facets`: the most frequent values of some fields.

use std::sync::Arc;

use annals_query::{FacetField, Facets};
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Problem;
use super::filters::filters;
use super::negotiate::{JSON_ONLY, negotiate};
use super::params::Params;
use super::{reply, routes};
use crate::app::App;

/// Most values of a field.
const VALUES_MAX: usize = 1_000;
/// Values of a field when nobody says how many.
const VALUES_DEFAULT: usize = 20;
/// Fields when nobody says which.
const FIELDS_DEFAULT: [FacetField; 4] =
    [FacetField::Level, FacetField::Type, FacetField::Integration, FacetField::Status];

/// Counts the values among the events that the filters let through.
pub(crate) async fn count(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::FACETS.params);
    let query = filters(&mut params, node.clock.now_us());
    let fields = fields(&mut params);
    let values_max = params.number("values", 1..=VALUES_MAX, VALUES_DEFAULT);
    negotiate(&mut params, &headers, JSON_ONLY)?;
    params.check()?;
    let _permit = node.reads.query().await?;
    let facets = node.engine.facets(&query, &fields, values_max).await?;
    reply::json(&body(&facets))
}

/// The fields asked for, joined by commas or repeated, each once.
fn fields(params: &mut Params) -> Vec<FacetField> {
    let read =
        |text: &str| text.split(',').map(|name| name.trim().parse::<FacetField>()).collect::<Result<Vec<_>, _>>();
    let mut fields: Vec<FacetField> = Vec::new();
    for field in params.parsed("fields", read).into_iter().flatten() {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    if fields.is_empty() { FIELDS_DEFAULT.to_vec() } else { fields }
}

fn body(facets: &Facets) -> Value {
    let by_field = facets.facets.iter().map(|facet| {
        let values = facet.values.iter().map(|value| json!({"value": value.value, "count": value.count}));
        (facet.field.to_string(), values.collect::<Value>())
    });
    json!({"facets": by_field.collect::<Map<_, _>>(), "stats": facets.stats})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Vec<FacetField>, Problem> {
        let mut params = Params::read(Some(query), routes::FACETS.params);
        let fields = fields(&mut params);
        params.check()?;
        Ok(fields)
    }

    #[test]
    fn fields_are_joined_by_commas_or_repeated() {
        assert_eq!(read("").unwrap(), FIELDS_DEFAULT);
        let expected = [FacetField::User, FacetField::Level, FacetField::EventName];
        assert_eq!(read("fields=user,level&fields=event_name,user").unwrap(), expected);
        let problem = read("fields=user,payload").unwrap_err();
        assert!(problem.detail().contains("\"payload\" is not a field"), "{problem:?}");
    }
}
