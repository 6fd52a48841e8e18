//! What must hold for every query string: seeded mutations of `tests/corpus`.

use annals_event::ProjectId;
use annals_testkit::Fuzz;

use crate::http::filters::{filters, ordered_page};
use crate::http::params::Params;
use crate::http::routes::{EVENTS, ROUTES};

/// 2026-05-31T12:00:00Z
const NOW_US: i64 = 1_780_228_800_000_000;
/// Longest that an answer to a wrong query string may be.
const DETAIL_BYTES_MAX: usize = 16 << 10;

#[test]
fn fuzzed_query_strings_are_understood_or_refused_by_name() {
    let fuzz = Fuzz { promise: 13, what: "query strings, mutated", corpus: "query_string", cases: (6_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        for route in ROUTES {
            let params = Params::read(Some(&text), route.params);
            told(params.check().err().map(|problem| problem.detail().to_owned()))?;
        }
        let mut params = Params::read(Some(&text), EVENTS.params);
        let mut query = filters(&mut params, NOW_US);
        ordered_page(&mut params, &mut query);
        told(params.check().err().map(|problem| problem.detail().to_owned()))?;
        if params.check().is_err() {
            return Ok(());
        }
        told(query.validate().err().map(|error| error.to_string()))?;
        match query.projects.iter().find(|project| !ProjectId::is_valid(project.as_str())) {
            Some(project) => Err(format!("project {project}")),
            None => Ok(()),
        }
    });
}

/// A problem has a reason, and its text is bounded whatever the client sent.
fn told(detail: Option<String>) -> Result<(), String> {
    match detail {
        Some(detail) if detail.is_empty() => Err("refused without a reason".into()),
        Some(detail) if detail.len() > DETAIL_BYTES_MAX => Err(format!("{} bytes of reasons", detail.len())),
        _ => Ok(()),
    }
}
