//! An [`EventQuery`] as the query parameters of `GET /v1/events`.

use annals_event::format_timestamp;
use annals_query::{EventQuery, Order};

/// The filters and the order; `limit` and `after` are the page's and stand elsewhere.
pub(super) fn parameters(query: &EventQuery) -> Vec<(&'static str, String)> {
    let mut parameters = Vec::new();
    parameters.extend(query.projects.iter().map(|project| ("project", project.to_string())));
    parameters.extend(query.levels.iter().map(|level| ("level", level.to_string())));
    let texts = [
        ("type", &query.types),
        ("user", &query.end_user_ids),
        ("integration", &query.integration_ids),
        ("workflow", &query.workflow_ids),
        ("credential", &query.credential_ids),
        ("trace", &query.trace_ids),
        ("event_name", &query.event_names),
        ("status", &query.statuses),
    ];
    for (name, values) in texts {
        parameters.extend(values.iter().map(|value| (name, value.clone())));
    }
    parameters.extend(query.excluded.iter().map(|exclusion| ("not", exclusion.to_string())));
    parameters.extend(query.text.iter().map(|text| ("q", text.clone())));
    parameters.extend(query.from_us.map(|us| ("since", format_timestamp(us))));
    parameters.extend(query.until_us.map(|us| ("until", format_timestamp(us))));
    let order = match query.order {
        Order::NewestFirst => "newest",
        Order::OldestFirst => "oldest",
    };
    parameters.push(("order", order.to_owned()));
    parameters
}

#[cfg(test)]
mod tests {
    use annals_event::{Level, ProjectId};

    use super::*;

    #[test]
    fn every_filter_has_its_parameter_and_repeats_it_for_each_value() {
        let query = EventQuery {
            projects: vec![ProjectId::new("acme").unwrap()],
            from_us: Some(0),
            levels: vec![Level::Warn, Level::Error],
            end_user_ids: vec!["a&b=c".to_owned()],
            excluded: vec!["type:a:b".parse().unwrap()],
            text: Some("100 %".to_owned()),
            order: Order::OldestFirst,
            ..EventQuery::default()
        };
        let expected = [
            ("project", "acme"),
            ("level", "WARN"),
            ("level", "ERROR"),
            ("user", "a&b=c"),
            ("not", "type:a:b"),
            ("q", "100 %"),
            ("since", "1970-01-01T00:00:00.000000Z"),
            ("order", "oldest"),
        ];
        assert_eq!(parameters(&query), expected.map(|(name, value)| (name, value.to_owned())));
    }
}
