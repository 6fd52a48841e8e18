//! [`BoundedDialect`]: PostgreSQL's dialect with an end to the work that reading a statement may take.
//!
//! The parser tries one reading after the other, and within each it does so again: `cast(cast(cast(…` takes it about four
//! times as long with every `cast(`, and `interval interval …` exhausts the stack. Every reading of an operand passes one
//! hook of the dialect; here it is counted, and how deep it lies. Past either bound the parser is told that its recursion
//! limit is reached, the one error that ends all readings at once.

use std::any::TypeId;
use std::cell::Cell;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Operands within operands at most: unoptimised, each takes up to 120 KiB of stack.
const DEPTH_MAX: usize = 16;
/// Intervals within intervals at most.
const INTERVALS_MAX: usize = 2;

/// Reads as PostgreSQL's dialect does, up to its bounds. For one statement.
#[derive(Debug)]
pub(crate) struct BoundedDialect {
    inner: PostgreSqlDialect,
    /// Operands that may still be read.
    readings_left: Cell<usize>,
    depth: Cell<usize>,
    intervals_deep: Cell<usize>,
    /// Whether the hook was called by itself, to let the parser read on.
    is_passing: Cell<bool>,
    is_spent: Cell<bool>,
}

impl BoundedDialect {
    /// A dialect by which `readings_max` operands are read.
    pub(crate) fn new(readings_max: usize) -> Self {
        Self {
            inner: PostgreSqlDialect {},
            readings_left: Cell::new(readings_max),
            depth: Cell::new(0),
            intervals_deep: Cell::new(0),
            is_passing: Cell::new(false),
            is_spent: Cell::new(false),
        }
    }

    /// Whether a bound was reached.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }
}

/// Hands methods on to the inner dialect: all that PostgreSQL's defines.
macro_rules! hand_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> $answer {
            self.inner.$name($($argument),*)
        })*
    };
}

impl Dialect for BoundedDialect {
    /// What the parser asks to tell dialects apart.
    fn dialect(&self) -> TypeId {
        self.inner.dialect()
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if self.is_passing.replace(false) {
            return None;
        }
        // Within an interval the parser does not look after its stack.
        let current = &parser.get_current_token().token;
        let intervals = usize::from(matches!(current, Token::Word(word) if word.keyword == Keyword::INTERVAL));
        let (depth, intervals_deep) = (self.depth.get() + 1, self.intervals_deep.get() + intervals);
        let is_within = depth <= DEPTH_MAX && intervals_deep <= INTERVALS_MAX;
        let Some(left) = self.readings_left.get().checked_sub(1).filter(|_| is_within) else {
            self.is_spent.set(true);
            return Some(Err(ParserError::RecursionLimitExceeded));
        };
        self.readings_left.set(left);
        self.depth.set(depth);
        self.intervals_deep.set(intervals_deep);
        self.is_passing.set(true);
        let read = parser.parse_prefix();
        self.depth.set(depth - 1);
        self.intervals_deep.set(intervals_deep - intervals);
        Some(read)
    }

    hand_on! {
        identifier_quote_style(identifier: &str) -> Option<char>;
        is_delimited_identifier_start(ch: char) -> bool;
        is_identifier_start(ch: char) -> bool;
        is_identifier_part(ch: char) -> bool;
        supports_unicode_string_literal() -> bool;
        is_reserved_for_identifier(keyword: Keyword) -> bool;
        is_custom_operator_part(ch: char) -> bool;
        get_next_precedence(parser: &Parser) -> Option<Result<u8, ParserError>>;
        supports_filter_during_aggregation() -> bool;
        supports_group_by_expr() -> bool;
        prec_value(precedence: Precedence) -> u8;
        allow_extract_custom() -> bool;
        allow_extract_single_quotes() -> bool;
        supports_create_index_with_clause() -> bool;
        supports_explain_with_utility_options() -> bool;
        supports_listen_notify() -> bool;
        supports_factorial_operator() -> bool;
        supports_bitwise_shift_operators() -> bool;
        supports_comment_on() -> bool;
        supports_load_extension() -> bool;
        supports_named_fn_args_with_colon_operator() -> bool;
        supports_named_fn_args_with_expr_name() -> bool;
        supports_empty_projections() -> bool;
        supports_nested_comments() -> bool;
        supports_string_escape_constant() -> bool;
        supports_numeric_literal_underscores() -> bool;
        supports_array_typedef_with_brackets() -> bool;
        supports_geometric_types() -> bool;
        supports_set_names() -> bool;
        supports_alter_column_type_using() -> bool;
        supports_notnull_operator() -> bool;
        supports_interval_options() -> bool;
        supports_insert_table_alias() -> bool;
        supports_create_table_like_parenthesized() -> bool;
        supports_select_wildcard_with_alias() -> bool;
        supports_comma_separated_trim() -> bool;
        supports_xml_expressions() -> bool;
        supports_comment_optimizer_hint() -> bool;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParserBuilder;

    use super::*;

    #[test]
    fn statements_read_as_in_the_dialect_of_postgresql() {
        for text in [
            "select payload->>'a' as a, b::int, \"C\" from events where a ilike '%x%' and b in (1, 2) or not c is null",
            "select case when a > 1 then interval '1 day' else now() - interval '2' hour end from t",
            "with a as (select 1) select * from a join b using (c) where exists (select 1) order by 1 desc nulls last",
            "select count(*) filter (where a = 1) over (partition by b), array[1, 2][1], extract(day from t), 2 ^ 3 # 4",
            "select cast(a as timestamp), e'\\n', $$text$$, date '2026-01-01', a[1:2], -b, b @> c, trim(a, b), 1_000",
            "values (1, 'a'), (2, 'b')",
        ] {
            let read = |dialect: &dyn Dialect| {
                let parser = DFParserBuilder::new(text).with_dialect(dialect).build();
                parser.and_then(|mut parser| parser.parse_statements()).map_err(|error| error.to_string())
            };
            let bounded = BoundedDialect::new(1_000);
            assert_eq!(read(&bounded), read(&PostgreSqlDialect {}), "{text}");
            assert!(read(&bounded).is_ok() && !bounded.is_spent(), "{text}");
        }
    }
}
