//! Licences: every package that goes into a build must be usable under one on the list.

use crate::metadata::Metadata;

/// What may be linked into an Apache-2.0 program without further duties than notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every package whose licence is missing, unreadable or not allowed, in words.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    metadata
        .packages
        .values()
        .filter_map(|package| {
            let named = format!("{} {}", package.name, package.version);
            match package.licence.as_deref().map(|licence| (licence, is_allowed(licence))) {
                None => Some(format!("{named} names no licence")),
                Some((licence, None)) => Some(format!("{named}: {licence:?} is not an SPDX expression")),
                Some((licence, Some(false))) => {
                    Some(format!("{named}: {licence} is not on the list of xtask's licences.rs"))
                }
                Some((_, Some(true))) => None,
            }
        })
        .collect()
}

/// Whether an SPDX expression can be satisfied with allowed licences; `None` when it cannot be read.
fn is_allowed(expression: &str) -> Option<bool> {
    // Old manifests write `MIT/Apache-2.0` and mean OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = either(&mut rest)?;
    rest.is_empty().then_some(allowed)
}

/// `a OR b OR …`; OR binds weakest.
fn either<'a>(words: &mut &'a [&'a str]) -> Option<bool> {
    let mut allowed = both(words)?;
    while let Some(("OR", rest)) = split(words) {
        *words = rest;
        allowed |= both(words)?;
    }
    Some(allowed)
}

/// `a AND b AND …`
fn both<'a>(words: &mut &'a [&'a str]) -> Option<bool> {
    let mut allowed = one(words)?;
    while let Some(("AND", rest)) = split(words) {
        *words = rest;
        allowed &= one(words)?;
    }
    Some(allowed)
}

/// A licence, with its exception if it has one, or an expression in parentheses.
fn one<'a>(words: &mut &'a [&'a str]) -> Option<bool> {
    let (first, rest) = split(words)?;
    *words = rest;
    if first == "(" {
        let allowed = either(words)?;
        let (last, rest) = split(words)?;
        *words = rest;
        return (last == ")").then_some(allowed);
    }
    if matches!(first, ")" | "AND" | "OR" | "WITH") {
        return None;
    }
    if let [with, exception, rest @ ..] = *words
        && *with == "WITH"
    {
        *words = rest;
        return Some(ALLOWED.contains(&format!("{first} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&first))
}

fn split<'a>(words: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    words.split_first().map(|(first, rest)| (*first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_with_their_precedence() {
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("MIT/Apache-2.0", Some(true)),
            ("GPL-3.0-only OR MIT", Some(true)),
            ("GPL-3.0-only AND MIT", Some(false)),
            ("GPL-3.0-only AND ISC OR MIT", Some(true)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
            ("(MIT OR Apache-2.0) AND GPL-2.0-only", Some(false)),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only", Some(true)),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT Apache-2.0", None),
        ] {
            assert_eq!(is_allowed(expression), expected, "{expression}");
        }
    }
}
