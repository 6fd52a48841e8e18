//! In which format an answer is wanted: `?format=` first, then `Accept`, then the endpoint's own choice.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use super::Problem;
use super::params::{Param, Params, shown};
use crate::format::ResultFormat;

/// The parameter that overrides `Accept`.
pub(crate) const FORMAT: &[Param] = &[Param::once("format")];
/// Formats of a page of events, preferred first.
pub(crate) const EVENT_FORMATS: &[ResultFormat] =
    &[ResultFormat::Json, ResultFormat::Ndjson, ResultFormat::Csv, ResultFormat::Arrow];
/// Formats of an SQL answer, preferred first.
pub(crate) const SQL_FORMATS: &[ResultFormat] =
    &[ResultFormat::Json, ResultFormat::Ndjson, ResultFormat::Csv, ResultFormat::Arrow, ResultFormat::Parquet];
/// Formats of dead letters, preferred first.
pub(crate) const DEAD_LETTER_FORMATS: &[ResultFormat] = &[ResultFormat::Json, ResultFormat::Ndjson];
/// The format of what is no list of rows.
pub(crate) const JSON_ONLY: &[ResultFormat] = &[ResultFormat::Json];

/// The quality of a media range that does not say, in thousandths.
const QUALITY_FULL: u16 = 1_000;

/// The media type of a format.
pub(crate) fn media_type(format: ResultFormat) -> &'static str {
    match format {
        ResultFormat::Json => "application/json",
        ResultFormat::Ndjson => "application/x-ndjson",
        ResultFormat::Csv => "text/csv",
        ResultFormat::Parquet => "application/vnd.apache.parquet",
        ResultFormat::Arrow => "application/vnd.apache.arrow.stream",
    }
}

/// Its name as the value of `format`.
fn name(format: ResultFormat) -> &'static str {
    match format {
        ResultFormat::Json => "json",
        ResultFormat::Ndjson => "ndjson",
        ResultFormat::Csv => "csv",
        ResultFormat::Parquet => "parquet",
        ResultFormat::Arrow => "arrow",
    }
}

/// The format of `offered` (not empty, preferred first) that the request wants. A wrong `format` is noted in `params`.
///
/// # Errors
/// 406, listing what there is, when `Accept` allows none of them.
pub(crate) fn negotiate(
    params: &mut Params,
    headers: &HeaderMap,
    offered: &[ResultFormat],
) -> Result<ResultFormat, Problem> {
    let asked = params.one("format").map(str::to_owned);
    if let Some(asked) = asked {
        return Ok(offered.iter().copied().find(|format| name(*format) == asked).unwrap_or_else(|| {
            let names: Vec<_> = offered.iter().map(|format| name(*format)).collect();
            params.refuse(format!("format: {} is not offered here: use {}", shown(&asked), names.join(", ")));
            offered[0]
        }));
    }
    let ranges = accepted(headers);
    let best = offered.iter().copied().enumerate().max_by_key(|(place, format)| {
        // Of equal quality, the earlier.
        (quality(&ranges, media_type(*format)), std::cmp::Reverse(*place))
    });
    match best {
        Some((_, format)) if quality(&ranges, media_type(format)) > 0 => Ok(format),
        _ => Err(not_acceptable(offered.iter().map(|format| media_type(*format)))),
    }
}

/// Whether the request accepts `media_type`, the only one there is.
///
/// # Errors
/// 406, naming it.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &'static str) -> Result<(), Problem> {
    if quality(&accepted(headers), media_type) > 0 { Ok(()) } else { Err(not_acceptable([media_type])) }
}

fn not_acceptable(offered: impl IntoIterator<Item = &'static str>) -> Problem {
    let offered: Vec<_> = offered.into_iter().collect();
    let detail = format!("Accept allows nothing that is offered here: ask for {}", offered.join(", "));
    Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
}

/// A media range of `Accept`: type, subtype, quality in thousandths.
#[derive(Debug, PartialEq, Eq)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

/// All media ranges of the request; anything when it has none. Other parameters than `q` do not matter, what is not a
/// media range is passed over.
fn accepted(headers: &HeaderMap) -> Vec<Range<'_>> {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if values.peek().is_none_or(|first| first.trim().is_empty()) {
        return vec![Range { kind: "*", subtype: "*", quality: QUALITY_FULL }];
    }
    values.flat_map(|value| value.split(',')).filter_map(range).collect()
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let mut found = Range { kind: kind.trim(), subtype: subtype.trim(), quality: QUALITY_FULL };
    for part in parts {
        if let Some((name, value)) = part.split_once('=')
            && name.trim().eq_ignore_ascii_case("q")
        {
            found.quality = thousandths(value.trim())?;
        }
    }
    Some(found)
}

/// `0`, `1` and what is between, with up to three digits.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: u16 = format!("{fraction:0<3}").parse().ok()?;
    let quality = whole.parse::<u16>().ok()? * QUALITY_FULL + digits;
    (quality <= QUALITY_FULL).then_some(quality)
}

/// The quality of a media type: that of the range that names it most closely.
fn quality(ranges: &[Range<'_>], media_type: &str) -> u16 {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let closeness = |range: &Range<'_>| {
        if range.kind.eq_ignore_ascii_case(kind) && range.subtype.eq_ignore_ascii_case(subtype) {
            Some(2)
        } else if range.kind.eq_ignore_ascii_case(kind) && range.subtype == "*" {
            Some(1)
        } else if range.kind == "*" && range.subtype == "*" {
            Some(0)
        } else {
            None
        }
    };
    let closest = ranges.iter().filter_map(|range| closeness(range).map(|close| (close, range.quality))).max();
    closest.map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn chosen(query: &str, accept: &[&str], offered: &[ResultFormat]) -> Result<ResultFormat, Problem> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        let mut params = Params::read(Some(query), &[FORMAT]);
        let format = negotiate(&mut params, &headers, offered)?;
        params.check()?;
        Ok(format)
    }

    #[test]
    fn accept_decides_by_quality_and_closeness() {
        for (accept, expected) in [
            (&[][..], ResultFormat::Json),
            (&[""][..], ResultFormat::Json),
            (&["*/*"][..], ResultFormat::Json),
            (&["text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"][..], ResultFormat::Json),
            (&["text/csv"][..], ResultFormat::Csv),
            (&["TEXT/CSV; charset=utf-8"][..], ResultFormat::Csv),
            (&["text/*"][..], ResultFormat::Csv),
            (&["application/json;q=0.5, application/x-ndjson"][..], ResultFormat::Ndjson),
            (&["application/json;q=0.5", "text/csv;q=0.501"][..], ResultFormat::Csv),
            (&["application/json;q=0, */*;q=0.1"][..], ResultFormat::Ndjson),
            (&["nonsense, ;;;, text/csv;q=2, application/vnd.apache.arrow.stream"][..], ResultFormat::Arrow),
        ] {
            assert_eq!(chosen("", accept, EVENT_FORMATS), Ok(expected), "{accept:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_406_and_says_what_is() {
        for accept in ["text/html", "application/vnd.apache.parquet", "*/*;q=0", "nonsense"] {
            let problem = chosen("", &[accept], EVENT_FORMATS).unwrap_err();
            assert_eq!(problem.status(), 406, "{accept}");
            assert!(problem.detail().contains("application/json, application/x-ndjson, text/csv"), "{problem:?}");
        }
        let parquet = chosen("", &["application/vnd.apache.parquet"], SQL_FORMATS);
        assert_eq!(parquet, Ok(ResultFormat::Parquet));
    }

    #[test]
    fn the_parameter_overrides_accept() {
        assert_eq!(chosen("format=csv", &["application/json"], EVENT_FORMATS), Ok(ResultFormat::Csv));
        assert_eq!(chosen("format=ndjson", &["text/html"], EVENT_FORMATS), Ok(ResultFormat::Ndjson));
        let problem = chosen("format=parquet", &[], EVENT_FORMATS).unwrap_err();
        assert_eq!(problem.status(), 400);
        assert!(problem.detail().contains("use json, ndjson, csv, arrow"), "{problem:?}");
    }

    #[test]
    fn a_single_type_is_accepted_or_not() {
        let with = |accept: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            accepts(&headers, "text/event-stream")
        };
        assert!(with("text/event-stream").is_ok() && with("*/*").is_ok() && with("text/*;q=0.1").is_ok());
        assert_eq!(with("application/json").unwrap_err().status(), 406);
        assert!(accepts(&HeaderMap::new(), "text/event-stream").is_ok());
    }
}
