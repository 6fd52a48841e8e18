//! The filters that the endpoints share, from query parameters to an [`EventQuery`].

use annals_event::{Level, ProjectId, parse_time_bound};
use annals_query::{Cursor, EventQuery, Exclusion, Order};

use super::params::{Param, Params, shown};

/// Most events of one page.
pub(crate) const LIMIT_MAX: usize = 10_000;
/// Events of a page when nobody says how many.
const LIMIT_DEFAULT: usize = 100;
/// Longest cursor: a URL holds no more.
const CURSOR_BYTES_MAX: usize = 60_000;

/// Which projects.
pub(crate) const PROJECT: &[Param] = &[Param::many("project")];
/// One project at most.
pub(crate) const ONE_PROJECT: &[Param] = &[Param::once("project")];
/// From when until when.
pub(crate) const TIMES: &[Param] = &[Param::once("since"), Param::once("until")];
/// Which events of them.
pub(crate) const FIELDS: &[Param] = &[
    Param::many("level"),
    Param::many("type"),
    Param::many("user"),
    Param::many("integration"),
    Param::many("workflow"),
    Param::many("credential"),
    Param::many("trace"),
    Param::many("event_name"),
    Param::many("status"),
    Param::many("id"),
    Param::many("not"),
    Param::once("q"),
];
/// Which part of them.
pub(crate) const PAGE: &[Param] = &[Param::once("limit"), Param::once("after").up_to(CURSOR_BYTES_MAX)];
/// In which order.
pub(crate) const ORDER: &[Param] = &[Param::once("order")];

/// The query that [`PROJECT`], [`TIMES`] and [`FIELDS`] ask for. Problems are noted in `params`.
pub(crate) fn filters(params: &mut Params, now_us: i64) -> EventQuery {
    let (from_us, until_us) = times(params, now_us);
    EventQuery {
        projects: params.parsed("project", ProjectId::new),
        from_us,
        until_us,
        ids: params.many("id"),
        levels: params.parsed("level", level),
        types: params.many("type"),
        end_user_ids: params.many("user"),
        integration_ids: params.many("integration"),
        workflow_ids: params.many("workflow"),
        credential_ids: params.many("credential"),
        trace_ids: params.many("trace"),
        event_names: params.many("event_name"),
        statuses: params.many("status"),
        excluded: params.parsed("not", str::parse::<Exclusion>),
        text: params.one("q").map(str::to_owned),
        ..EventQuery::default()
    }
}

/// `since` and `until` in microseconds UTC; a time ago counts back from `now_us`.
pub(crate) fn times(params: &mut Params, now_us: i64) -> (Option<i64>, Option<i64>) {
    let read = |text: &str| parse_time_bound(&with_plus(text), now_us);
    let (from_us, until_us) = (params.parsed_one("since", read), params.parsed_one("until", read));
    if let (Some(from), Some(until)) = (from_us, until_us)
        && from >= until
    {
        params.refuse("since is not before until, so nothing could match: give an earlier since or a later until");
    }
    (from_us, until_us)
}

/// Takes `limit`, up to [`LIMIT_MAX`], and `after` into `query`.
pub(crate) fn page(params: &mut Params, query: &mut EventQuery, limit_default: usize) {
    query.limit = params.number("limit", 1..=LIMIT_MAX, limit_default);
    query.after = params.parsed_one("after", str::parse::<Cursor>);
}

/// Takes `limit`, `after` and `order` into `query`.
pub(crate) fn ordered_page(params: &mut Params, query: &mut EventQuery) {
    page(params, query, LIMIT_DEFAULT);
    let order = params.parsed_one("order", |text| match text {
        "newest" => Ok(Order::NewestFirst),
        "oldest" => Ok(Order::OldestFirst),
        other => Err(format!("{} is not an order: use newest or oldest", shown(other))),
    });
    query.order = order.unwrap_or_default();
}

fn level(text: &str) -> Result<Level, String> {
    text.parse::<Level>().map_err(|problem| match text.contains(',') {
        true => format!("{} is not one level: repeat the parameter, as in level=WARN&level=ERROR", shown(text)),
        false => problem.to_string(),
    })
}

/// A time whose offset lost its plus sign, for in a URL that is a space: `…T12:00:00 02:00`.
fn with_plus(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') && offset.as_bytes().first().is_some_and(u8::is_ascii_digit) => {
            format!("{time}+{offset}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use annals_event::parse_timestamp;
    use annals_query::FacetField;

    use super::*;

    const GROUPS: &[&[Param]] = &[PROJECT, TIMES, FIELDS, PAGE, ORDER];
    const NOW_US: i64 = 1_780_000_000_000_000;

    fn read(query: &str) -> (EventQuery, Params) {
        let mut params = Params::read(Some(query), GROUPS);
        let mut query = filters(&mut params, NOW_US);
        ordered_page(&mut params, &mut query);
        (query, params)
    }

    fn good(query: &str) -> EventQuery {
        let (query, params) = read(query);
        params.check().unwrap();
        query.validate().unwrap();
        query
    }

    fn problem(query: &str) -> String {
        read(query).1.check().unwrap_err().detail().to_owned()
    }

    #[test]
    fn nothing_asked_for_is_the_latest_hundred() {
        assert_eq!(good(""), EventQuery { limit: 100, ..EventQuery::default() });
    }

    #[test]
    fn every_filter_reaches_its_field() {
        let cursor = Cursor::new(5, 7, "x");
        let text = format!(
            "project=a&project=b&level=warning&level=17&type=t&user=u&integration=i&workflow=w&credential=c&trace=r\
             &event_name=e&status=s&id=1&not=level:debug&not=user:a:b&q=rate+limited&since=2026-05-01&until=24h&limit=7&order=oldest&after={cursor}"
        );
        let one = |value: &str| vec![value.to_owned()];
        let expected = EventQuery {
            projects: vec![ProjectId::new("a").unwrap(), ProjectId::new("b").unwrap()],
            from_us: Some(parse_timestamp("2026-05-01T00:00:00Z").unwrap()),
            until_us: Some(NOW_US - 86_400_000_000),
            ids: one("1"),
            levels: vec![Level::Warn, Level::Error],
            types: one("t"),
            end_user_ids: one("u"),
            integration_ids: one("i"),
            workflow_ids: one("w"),
            credential_ids: one("c"),
            trace_ids: one("r"),
            event_names: one("e"),
            statuses: one("s"),
            excluded: vec![
                Exclusion { field: FacetField::Level, value: "DEBUG".to_owned() },
                Exclusion { field: FacetField::User, value: "a:b".to_owned() },
            ],
            text: Some("rate limited".to_owned()),
            order: Order::OldestFirst,
            limit: 7,
            after: Some(cursor),
        };
        assert_eq!(good(&text), expected);
    }

    #[test]
    fn an_offset_survives_a_plus_that_was_not_encoded() {
        let noon = parse_timestamp("2026-05-31T12:00:00+02:00").unwrap();
        for text in ["2026-05-31T12:00:00+02:00", "2026-05-31T12:00:00%2B02:00", "2026-05-31+12:00:00+02:00"] {
            assert_eq!(good(&format!("since={text}")).from_us, Some(noon), "{text}");
        }
        let utc = parse_timestamp("2026-05-31T12:00:00Z").unwrap();
        assert_eq!(good("since=2026-05-31+12:00").from_us, Some(utc));
    }

    #[test]
    fn every_wrong_value_is_named_with_what_to_do() {
        let detail = problem("project=..&level=loud&since=soon&limit=10001&order=up&after=zz&not=type");
        for part in [
            "not: \"type\" is not FIELD:VALUE",
            "project: project id \"..\"",
            "level: level \"loud\"",
            "since: \"soon\" is not a time",
            "limit: \"10001\" must be",
            "order: \"up\" is not an order",
            "after: \"zz\" is not a cursor",
        ] {
            assert!(detail.contains(part), "{part} in {detail}");
        }
        assert!(problem("level=WARN,ERROR").contains("repeat the parameter"));
        assert!(problem("since=1h&until=2h").contains("since is not before until"));
    }
}
