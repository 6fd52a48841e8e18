//! Which words a statement's filters ask for: what `LIKE`, `ILIKE`, `contains`, `=`, `IN` and `payload->>'member' = …` say of the texts,
//! as a [`WordFilter`].
//!
//! Deciding only. A token is asked for if every row that matches holds it, so what is not understood asks for nothing.

use annals_table::{Token, TokenEdges, VALUE_COLUMNS, WORD_COLUMNS, tokens_inside};
use datafusion::logical_expr::expr::{BinaryExpr, InList, Like, ScalarFunction};
use datafusion::logical_expr::{Expr, Operator};

use crate::prune::text_values;
use crate::word_filter::WordFilter;

/// Functions that give a member of JSON text: a string decoded, anything else as it stands.
const MEMBER_FUNCTIONS: [&str; 2] = ["json_as_text", "json_get_str"];

/// Nothing stands beside it.
const WHOLE: TokenEdges = TokenEdges { start: true, end: true };
/// Anything may.
const PART: TokenEdges = TokenEdges { start: false, end: false };

/// Groups of tokens: a row that matches holds one at least of each.
type Groups = Vec<Vec<Token>>;

/// What the word index may know of the conjunction of `filters`.
pub(crate) fn word_filter(filters: &[Expr]) -> WordFilter {
    let mut words = WordFilter::default();
    for column in VALUE_COLUMNS {
        if let Some(values) = text_values(filters, column) {
            words.require_value(column, &values.into_iter().collect::<Vec<_>>());
        }
    }
    filters.iter().filter_map(groups_of).for_each(|groups| words.require_groups(groups));
    words
}

/// What every row holds for which `expr` is true; `None` when it says nothing of a text.
fn groups_of(expr: &Expr) -> Option<Groups> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => match (groups_of(left), groups_of(right)) {
            (Some(one), Some(other)) => Some([one, other].concat()),
            (one, other) => one.or(other),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(either(groups_of(left)?, groups_of(right)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            groups_of_equal(left, right).or_else(|| groups_of_equal(right, left))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let of_values: Option<Vec<Groups>> = list.iter().map(|value| groups_of_equal(expr, value)).collect();
            of_values?.into_iter().reduce(either)
        }
        Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive }) if is_text(expr) => {
            Some(all_of(tokens_of_pattern(literal(pattern)?, *case_insensitive)))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "contains" => match args.as_slice() {
            [text, part] if is_text(text) => Some(all_of(tokens_inside(literal(part)?, PART, |_| true))),
            _ => None,
        },
        _ => None,
    }
}

/// Of a text, or a member of it, that is a value.
fn groups_of_equal(text: &Expr, value: &Expr) -> Option<Groups> {
    match text {
        _ if is_text(text) => Some(all_of(tokens_inside(literal(value)?, WHOLE, |_| true))),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if MEMBER_FUNCTIONS.contains(&func.name()) && args.first().is_some_and(is_text) =>
        {
            // The text holds the value as it reads, or else with escapes: those beyond ASCII are usual, others are told of.
            let tokens = tokens_inside(literal(value)?, WHOLE, <[u8]>::is_ascii);
            Some(tokens.into_iter().map(|token| vec![token, Token::ESCAPED]).collect())
        }
        _ => None,
    }
}

/// What a row holds of which one of two things is known. Whichever it is, the row has what both ask for: a word is looked for in
/// all texts at once. Where that is nothing, it has the first of the one or of the other, which are the rarest.
fn either(one: Groups, other: Groups) -> Groups {
    let common: Groups = one.iter().filter(|group| other.contains(group)).cloned().collect();
    match (one.first(), other.first()) {
        (Some(first), Some(second)) if common.is_empty() => {
            let mut group = first.clone();
            group.extend(second.iter().filter(|token| !first.contains(token)));
            vec![group]
        }
        _ => common,
    }
}

fn all_of(tokens: Vec<Token>) -> Groups {
    tokens.into_iter().map(|token| vec![token]).collect()
}

/// Tokens in the parts of a pattern between its wildcards.
fn tokens_of_pattern(pattern: &str, case_insensitive: bool) -> Vec<Token> {
    // What a backslash means depends on what follows it: not worth a chance to be wrong.
    if pattern.contains('\\') {
        return Vec::new();
    }
    let mut tokens = Vec::new();
    let parts: Vec<&str> = pattern.split(['%', '_']).collect();
    for (number, part) in parts.iter().enumerate() {
        let edges = TokenEdges { start: number == 0, end: number + 1 == parts.len() };
        tokens.extend(tokens_inside(part, edges, |run| !case_insensitive || folds_within_ascii(run)));
    }
    tokens
}

/// Whether what ILIKE takes for the same word differs in the case of ASCII letters alone: it folds like Unicode, where K is
/// also the sign for kelvin and S also a long s.
fn folds_within_ascii(run: &[u8]) -> bool {
    run.iter().all(|byte| byte.is_ascii() && !matches!(byte, b'k' | b'K' | b's' | b'S'))
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if WORD_COLUMNS.contains(&column.name.as_str()))
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use annals_event::columns;
    use datafusion::prelude::{col, lit};

    use super::*;

    fn count(expr: Expr) -> Option<usize> {
        groups_of(&expr).map(|groups| groups.len())
    }

    #[test]
    fn only_what_stands_whole_in_a_pattern_is_asked_for() {
        let payload = || col(columns::PAYLOAD);
        assert_eq!(count(payload().like(lit("%needle%"))), Some(0), "it may be part of a longer word");
        assert_eq!(count(payload().like(lit("%\"needle\"%"))), Some(1));
        assert_eq!(count(payload().like(lit("needle%"))), Some(0), "a longer word may begin so");
        assert_eq!(count(payload().like(lit("needle %"))), Some(1));
        assert_eq!(count(payload().like(lit("% of needle"))), Some(2));
        assert_eq!(count(payload().like(lit("% ab_de %"))), Some(0));
        assert_eq!(count(payload().like(lit(r"% a\%b %"))), Some(0));
        assert_eq!(count(payload().not_like(lit("% needle %"))), None);
        assert_eq!(count(col(columns::TYPE).like(lit("% needle %"))), None);
    }

    #[test]
    fn a_case_that_unicode_folds_is_not_asked_for() {
        let message = || col(columns::MESSAGE);
        assert_eq!(count(message().ilike(lit("% retry %"))), Some(1));
        assert_eq!(count(message().ilike(lit("% task %"))), Some(0));
        assert_eq!(count(message().like(lit("% task %"))), Some(1));
        assert_eq!(count(message().ilike(lit("% naïve %"))), Some(0));
    }

    #[test]
    fn or_asks_for_what_both_hold() {
        let (message, payload) = (col(columns::MESSAGE), col(columns::PAYLOAD));
        let either = message.clone().like(lit("% one %")).or(payload.clone().like(lit("% one two %")));
        assert_eq!(count(either), Some(1));
        let both = message.clone().eq(lit("one two")).and(payload.like(lit("% three %")));
        assert_eq!(count(both), Some(3));
        assert_eq!(count(message.like(lit("% one %")).or(col(columns::SEQ).eq(lit(1)))), None);
    }

    #[test]
    fn or_without_a_common_word_asks_for_one_of_each() {
        let message = || col(columns::MESSAGE);
        let either = message().like(lit("% one %")).or(message().like(lit("% two three %")));
        assert_eq!(groups_of(&either).unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [2]);
        let among = message().in_list(vec![lit("one"), lit("two"), lit("three")], false);
        assert_eq!(groups_of(&among).unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [3]);
        let blind = message().like(lit("% one %")).or(message().like(lit("%two%")));
        assert_eq!(count(blind), Some(0));
        assert_eq!(count(message().in_list(vec![lit("one"), col(columns::TYPE)], false)), None);
        assert_eq!(count(message().in_list(vec![lit("one")], true)), None);
    }

    /// `payload->>'member'` is decoded: what the text may have written as escapes is not asked for, or the escapes as well.
    #[test]
    fn a_member_of_json_asks_for_its_words_or_for_escapes() {
        let member = || json_as_text(col(columns::PAYLOAD), "syncId");
        let groups = groups_of(&member().eq(lit("rec-1 naïve rate"))).unwrap();
        assert_eq!(groups.len(), 2, "{groups:?}");
        assert!(groups.iter().all(|group| group.len() == 2 && group[1] == Token::ESCAPED));
        assert_eq!(count(lit("269c5ca0-7768-4afd-946c-24be04b7062b").eq(member())), Some(4));
        let among = groups_of(&member().in_list(vec![lit("one1"), lit("two2")], false)).unwrap();
        assert_eq!(among.iter().map(Vec::len).collect::<Vec<_>>(), [3]);
        assert_eq!(count(member().not_eq(lit("one"))), None);
        assert_eq!(count(json_as_text(col(columns::TYPE), "syncId").eq(lit("one"))), None);
    }

    fn json_as_text(text: Expr, member: &str) -> Expr {
        datafusion_functions_json::udfs::json_as_text_udf().call(vec![text, lit(member)])
    }
}
