//! Which words a statement's filters ask for: what `LIKE`, `ILIKE`, `contains` and `=` say of the texts, as a [`WordFilter`].
//!
//! Deciding only. A token is asked for if every row that matches holds it, so what is not understood asks for nothing.

use std::collections::BTreeSet;

use annals_table::{Token, TokenEdges, VALUE_COLUMNS, WORD_COLUMNS, tokens_inside};
use datafusion::logical_expr::expr::{BinaryExpr, Like, ScalarFunction};
use datafusion::logical_expr::{Expr, Operator};

use crate::prune::text_values;
use crate::word_filter::WordFilter;

/// What the word index may know of the conjunction of `filters`.
pub(crate) fn word_filter(filters: &[Expr]) -> WordFilter {
    let mut words = WordFilter::default();
    for column in VALUE_COLUMNS {
        if let Some(values) = text_values(filters, column) {
            words.require_value(column, &values.into_iter().collect::<Vec<_>>());
        }
    }
    let texts: Vec<Vec<Token>> = filters.iter().filter_map(tokens_of).collect();
    texts.into_iter().for_each(|tokens| words.require_text(tokens));
    words
}

/// Tokens that every row holds for which `expr` is true; `None` when it says nothing of a text.
fn tokens_of(expr: &Expr) -> Option<Vec<Token>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => match (tokens_of(left), tokens_of(right)) {
            (Some(mut one), Some(other)) => {
                one.extend(other);
                Some(one)
            }
            (one, other) => one.or(other),
        },
        // Whichever of the two it is, a row holds what both ask for: a word is looked for in all texts at once.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let other: BTreeSet<Token> = tokens_of(right)?.into_iter().collect();
            Some(tokens_of(left)?.into_iter().filter(|token| other.contains(token)).collect())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = if is_text(left) { (left, right) } else { (right, left) };
            let value = literal(value).filter(|_| is_text(column))?;
            Some(tokens_inside(value, TokenEdges { start: true, end: true }, |_| true))
        }
        Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive }) if is_text(expr) => {
            Some(tokens_of_pattern(literal(pattern)?, *case_insensitive))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "contains" => match args.as_slice() {
            [text, part] if is_text(text) => {
                Some(tokens_inside(literal(part)?, TokenEdges { start: false, end: false }, |_| true))
            }
            _ => None,
        },
        _ => None,
    }
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
        tokens_of(&expr).map(|tokens| tokens.len())
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
}
