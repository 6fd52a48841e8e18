//! How large a statement may be, told before anything is planned of it.
//!
//! A chain such as `1+1+1…` becomes a tree as deep as the chain is long. Trees are walked, printed and dropped by
//! recursion, by the planner and again by every batch, and a stack that is exhausted ends the process. The parser bounds
//! what is nested in parentheses; this bounds chains, and the number of selects and tables, which nest plans in the same
//! way. The values of a list make nothing deeper and are not counted: a list may be as long as the text.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Select, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};

/// Words and operators at most: dropping what the parser makes of them fits on a stack of 2 MiB.
const PARTS_MAX: usize = 5_000;
/// Operands that may be read of any statement, and more for each of its tokens.
const READINGS_MIN: usize = 10_000;
const READINGS_PER_TOKEN: usize = 2;
/// Expressions within expressions at most. Twice as many fit on a stack of 2 MiB, unoptimised.
const DEPTH_MAX: usize = 100;
/// Selects at most, those of unions and subqueries included.
const SELECTS_MAX: usize = 100;
/// Tables and subqueries in `FROM` at most, over all selects.
const TABLES_MAX: usize = 100;

/// How many operands may be read of `text`, which is more than it has: an operand may be read several times. Text that is
/// no SQL passes: the parser says so better.
///
/// # Errors
/// `Invalid`, naming the bound, when `text` is too long to be parsed.
pub(crate) fn readings_max(text: &str) -> Result<usize> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().unwrap_or_default();
    let parts = tokens.iter().filter(|token| is_part(token)).count();
    if parts <= PARTS_MAX {
        return Ok(READINGS_MIN + READINGS_PER_TOKEN * tokens.len());
    }
    Err(Error::invalid(format!(
        "the statement has {parts} words and operators and may have {PARTS_MAX}: shorten it; the values of a list, as in \
         `a in (1, 2, …)`, are not counted"
    )))
}

/// The error of a statement of which no more may be read.
pub(crate) fn too_involved() -> Error {
    Error::invalid("the statement is nested too deep, or cannot be understood with reasonable effort: simplify it")
}

/// Checks that a parsed statement is shallow enough to be planned.
///
/// # Errors
/// `Invalid`, naming the bound.
pub(crate) fn check_depth(statement: &impl Visit) -> Result<()> {
    let mut counts = Counts::default();
    match statement.visit(&mut counts) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(Error::invalid(problem)),
    }
}

fn is_part(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::LParen
            | Token::RParen
            | Token::Number(..)
            | Token::SingleQuotedString(_)
    )
}

/// What was met on the walk through a statement, which ends at the first bound.
#[derive(Default)]
struct Counts {
    depth: usize,
    selects: usize,
    tables: usize,
}

impl Visitor for Counts {
    type Break = String;

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!(
            "an expression is a chain of more than {DEPTH_MAX} parts: instead of `a = 1 or a = 2 or …` write \
             `a in (1, 2, …)`, or divide the statement"
        ))
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, _: &Select) -> ControlFlow<String> {
        self.selects += 1;
        if self.selects <= SELECTS_MAX {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!("the statement has more than {SELECTS_MAX} selects: divide it"))
    }

    fn pre_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<String> {
        self.tables += 1;
        if self.tables <= TABLES_MAX {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!("the statement names more than {TABLES_MAX} tables: divide it"))
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::parse;

    #[test]
    fn lists_may_be_long() {
        parse(&format!("select 1 where 'a' in ('a'{})", ", 'b'".repeat(20_000))).unwrap();
        parse(&format!("values (1){}", ", (1)".repeat(20_000))).unwrap();
        parse(&format!("select 1{}", ", 2".repeat(4_000))).unwrap();
        parse(&format!("select 1{}", "+1".repeat(98))).unwrap();
    }

    #[test]
    fn chains_are_bounded_however_long_they_are() {
        for chain in ["+1", "-- \n+1", " or true", "::int", " is null", "||'a'", "->'a'"] {
            for links in [120, 1_000, 4_000, 100_000] {
                let error = parse(&format!("select 1{}", chain.repeat(links))).unwrap_err().to_string();
                assert!(error.contains("more than 100") || error.contains("may have 5000"), "{chain}: {error}");
            }
        }
    }

    #[test]
    fn selects_and_tables_are_bounded() {
        for (text, part) in [
            (format!("select 1{}", " union all select 1".repeat(100)), "100 selects"),
            (format!("select 1{}", " union all select 1".repeat(50_000)), "may have 5000"),
            (format!("select 1 from a{}", ", a".repeat(100)), "100 tables"),
            (format!("explain select 1 from a{}", " join a on true".repeat(100)), "100 tables"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn reading_comes_to_an_end() {
        // Each of them takes an unbounded parser several times as long with every link, or exhausts its stack.
        let links = [
            "case when true then ",
            "cast(",
            "extract(",
            "array[",
            "row(",
            "a(",
            "a(distinct ",
            "unnest(",
            "coalesce(case when ",
            "try_cast(",
            "struct(",
            "lateral (",
            "values (",
            "interval ",
            "interval (",
            "interval case when ",
            "a in (select ",
            "1 from (a join ",
            "with a as (select ",
            "not (case when ",
            "-",
            "((",
            "a[b:",
        ];
        for link in links {
            for count in [40, 4_000] {
                let error = parse(&format!("select {}", link.repeat(count))).unwrap_err();
                assert_eq!(error.kind(), crate::error::ErrorKind::Invalid, "{link}");
            }
        }
    }

    #[test]
    fn what_is_no_sql_is_left_to_the_parser() {
        for text in ["select 'open", "", "selec 1"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("SQL") || error.contains("empty"), "{text}: {error}");
        }
    }
}
