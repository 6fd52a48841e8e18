//! [`Params`]: the query parameters of one request, read strictly.
//!
//! An endpoint names the parameters it takes; any other is refused by name, with the one that may have been meant. All
//! that is wrong with a request is told at once: reading goes on after a problem, and [`Params::check`] is the one door out.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Problem;
use crate::nearest::nearest;

/// Most parameters of one request.
const PARAMS_MAX: usize = 1_000;
/// Longest value of a parameter that names no other bound, in bytes.
const VALUE_BYTES_MAX: usize = 4_096;
/// Problems that are told; more are counted.
const PROBLEMS_TOLD_MAX: usize = 10;
/// Characters of a client's text that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A query parameter that an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it may be given more than once.
    pub(crate) many: bool,
    value_bytes_max: usize,
}

impl Param {
    /// A parameter that may be given once.
    pub(crate) const fn once(name: &'static str) -> Self {
        Self { name, many: false, value_bytes_max: VALUE_BYTES_MAX }
    }

    /// A parameter that may be repeated.
    pub(crate) const fn many(name: &'static str) -> Self {
        Self { name, many: true, value_bytes_max: VALUE_BYTES_MAX }
    }

    /// The same with values of up to so many bytes.
    pub(crate) const fn up_to(self, value_bytes_max: usize) -> Self {
        Self { value_bytes_max, ..self }
    }
}

/// The parameters of one request, and what is wrong with them so far.
#[derive(Debug)]
pub(crate) struct Params {
    values: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

impl Params {
    /// Reads the query part of a URL, which may hold the parameters in `groups`. `+` is a space, as forms write it.
    pub(crate) fn read(query: Option<&str>, groups: &[&'static [Param]]) -> Self {
        let mut params = Self { values: Vec::new(), problems: Vec::new() };
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for (index, pair) in pairs.enumerate() {
            if index == PARAMS_MAX {
                params.refuse(format!("there are more than {PARAMS_MAX} query parameters: ask for less at once"));
                break;
            }
            params.take(pair, groups);
        }
        params
    }

    fn take(&mut self, pair: &str, groups: &[&'static [Param]]) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decoded(name) else {
            return self.refuse(format!("the parameter name {} is not percent-encoded UTF-8", shown(name)));
        };
        let Some(param) = groups.iter().copied().flatten().find(|param| param.name == name) else {
            return self.refuse(unknown(&name, groups));
        };
        let name = param.name;
        let Some(value) = decoded(value) else {
            return self.refuse(format!("{name} is not percent-encoded UTF-8"));
        };
        if value.is_empty() {
            return self.refuse(format!("{name} is empty: give a value or leave it out"));
        }
        if value.len() > param.value_bytes_max {
            let (bytes, max) = (value.len(), param.value_bytes_max);
            return self.refuse(format!("{name} has {bytes} bytes and may have {max}"));
        }
        if !param.many && self.one(name).is_some() {
            return self.refuse(format!("{name} is given twice: give it once"));
        }
        self.values.push((name, value.into_owned()));
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The values of a parameter, in the order given.
    pub(crate) fn many(&self, name: &str) -> Vec<String> {
        self.values.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.clone()).collect()
    }

    /// The values of a parameter as `read` understands them; what it does not is noted as a problem.
    pub(crate) fn parsed<T, E: Display>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let mut found = Vec::new();
        let mut refused = Vec::new();
        for (_, value) in self.values.iter().filter(|(given, _)| *given == name) {
            match read(value) {
                Ok(value) => found.push(value),
                Err(problem) => refused.push(format!("{name}: {problem}")),
            }
        }
        self.problems.append(&mut refused);
        found
    }

    /// The value of a parameter that may be given once, as `read` understands it.
    pub(crate) fn parsed_one<T, E: Display>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        self.parsed(name, read).pop()
    }

    /// A whole number within `range`, `default` where the parameter is absent or refused.
    pub(crate) fn number<N: FromStr + Display + PartialOrd + Copy>(
        &mut self,
        name: &str,
        range: RangeInclusive<N>,
        default: N,
    ) -> N {
        let read = |text: &str| match text.parse::<N>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("{} must be a whole number, {} to {}", shown(text), range.start(), range.end())),
        };
        self.parsed_one(name, read).unwrap_or(default)
    }

    /// Notes a problem.
    pub(crate) fn refuse(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Whether all is well.
    ///
    /// # Errors
    /// 400, naming every problem.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let told = &self.problems[..self.problems.len().min(PROBLEMS_TOLD_MAX)];
        let more = match self.problems.len() - told.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(Problem::bad_request(told.join("; ") + &more))
    }
}

/// A client's text as messages repeat it: quoted, its beginning only.
pub(crate) fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{beginning:?}")
}

fn unknown(name: &str, groups: &[&'static [Param]]) -> String {
    let names: Vec<&str> = groups.iter().copied().flatten().map(|param| param.name).collect();
    if names.is_empty() {
        return format!("unknown query parameter {}: this takes none", shown(name));
    }
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("unknown query parameter {}: did you mean {near:?}?", shown(name)),
        None => format!("unknown query parameter {}: there are {}", shown(name), names.join(", ")),
    }
}

/// `text` without its percent-encoding; `None` when that is broken or the bytes are not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: &[&[Param]] = &[&[Param::many("level"), Param::once("q")], &[Param::once("limit").up_to(5)]];

    fn problem(query: &str) -> String {
        let mut params = Params::read(Some(query), TAKEN);
        params.number("limit", 1..=100_u32, 10);
        params.check().unwrap_err().detail().to_owned()
    }

    #[test]
    fn values_are_decoded_and_repeated_ones_kept_in_order() {
        let params = Params::read(Some("level=b&q=a+b%20c%2Bd%C3%BC&&level=a%26"), TAKEN);
        params.check().unwrap();
        assert_eq!(params.many("level"), ["b", "a&"]);
        assert_eq!(params.one("q"), Some("a b c+dü"));
        assert_eq!(params.one("limit"), None);
        Params::read(None, TAKEN).check().unwrap();
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_name() {
        assert_eq!(problem("lvl=x"), "unknown query parameter \"lvl\": did you mean \"level\"?");
        assert_eq!(problem("sandwich=x"), "unknown query parameter \"sandwich\": there are level, q, limit");
        let none = Params::read(Some("a=1"), &[]).check().unwrap_err();
        assert_eq!(none.detail(), "unknown query parameter \"a\": this takes none");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let detail = problem("lvl=x&q=a&q=b&level=&limit=0&level=%zz");
        for part in ["\"lvl\"", "q is given twice", "level is empty", "limit: \"0\" must be", "level is not percent"] {
            assert!(detail.contains(part), "{part} in {detail}");
        }
        let many = problem(&"x=1&".repeat(30));
        assert!(many.ends_with("; and 20 more"), "{many}");
    }

    #[test]
    fn counts_and_lengths_are_bounded() {
        assert!(problem("limit=123456").contains("limit has 6 bytes and may have 5"));
        assert!(problem(&format!("q={}", "x".repeat(4_097))).contains("4097 bytes"));
        assert!(problem(&"level=a&".repeat(1_001)).contains("more than 1000 query parameters"));
        let long = problem(&format!("{}=1", "x".repeat(50_000)));
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn broken_encodings_are_refused() {
        for query in ["q=%", "q=%4", "q=%ff", "q=%g0", "%ff=a", "q=%+1"] {
            assert!(problem(query).contains("percent-encoded UTF-8"), "{query}");
        }
    }

    #[test]
    fn numbers_are_whole_and_within_their_bounds() {
        let read = |query| Params::read(Some(query), TAKEN).number("limit", 1..=100_u32, 10);
        assert_eq!((read(""), read("limit=100")), (10, 100));
        for query in ["limit=0", "limit=101", "limit=-1", "limit=1.5", "limit=a", "limit=9e9"] {
            assert!(problem(query).contains("must be a whole number, 1 to 100"), "{query}");
        }
    }
}
