//! Which SQL is answered: one statement that reads.

use datafusion::common::config::Dialect;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast;

use crate::catalog::SCHEMA;
use crate::error::{Error, ErrorKind, Result};
use crate::sql_bounds::{check_depth, readings_max, too_involved};
use crate::sql_dialect::BoundedDialect;

/// What is answered, for messages.
const ANSWERED: &str = "SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS and DESCRIBE";

/// Nesting beyond this is refused by the parser, before it can exhaust the stack.
const RECURSION_MAX: usize = 50;

/// Parses `text` and checks that it is one statement that only reads.
///
/// # Errors
/// `Invalid`, saying what is wrong with the text or which statement it is that would change something.
pub(crate) fn parse(text: &str) -> Result<Statement> {
    let dialect = BoundedDialect::new(readings_max(text)?);
    let mut statements = DFParserBuilder::new(text)
        .with_dialect(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| if dialect.is_spent() { too_involved() } else { Error::from_datafusion(error) })?;
    let (Some(statement), rest) = (statements.pop_front(), statements.len()) else {
        return Err(Error::invalid(format!("the query is empty: {ANSWERED} are answered")));
    };
    if rest > 0 {
        return Err(Error::invalid(format!("one statement at a time: this text has {}", rest + 1)));
    }
    check(&statement)?;
    if let Statement::Statement(inner) = explained(&statement) {
        check_depth(inner.as_ref())?;
    }
    match statement {
        Statement::Statement(inner) if matches!(*inner, ast::Statement::ShowTables { .. }) => parse(&format!(
            "SELECT table_name, table_type FROM information_schema.tables \
             WHERE table_schema = '{SCHEMA}' ORDER BY table_name"
        )),
        other => Ok(other),
    }
}

/// Turns a parsed statement into a plan, checking once more that no part of it writes. `tables` are those of `state`.
pub(crate) async fn plan(state: &SessionState, statement: Statement, tables: &[&str]) -> Result<LogicalPlan> {
    debug_assert_eq!(state.config_options().sql_parser.dialect, Dialect::PostgreSQL, "parsed in the session's dialect");
    let plan = state.statement_to_plan(statement).await.map_err(|error| Error::from_planning(error, tables))?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan).map_err(|error| {
        Error::with_source(ErrorKind::Invalid, format!("queries only read: {ANSWERED} are answered"), error)
    })?;
    Ok(plan)
}

/// The statement that an `EXPLAIN` is about, or the statement itself.
fn explained(statement: &Statement) -> &Statement {
    match statement {
        Statement::Explain(ExplainStatement { statement, .. }) => explained(statement),
        other => other,
    }
}

fn check(statement: &Statement) -> Result<()> {
    use ast::Statement as Sql;
    match statement {
        Statement::Explain(ExplainStatement { statement, .. }) => check(statement),
        Statement::Statement(statement) => match statement.as_ref() {
            Sql::Query(_) | Sql::ShowTables { .. } | Sql::ShowColumns { .. } | Sql::ExplainTable { .. } => Ok(()),
            Sql::Explain { statement, .. } if matches!(**statement, Sql::Query(_)) => Ok(()),
            other => Err(refusal(&other.to_string())),
        },
        other => Err(refusal(&other.to_string())),
    }
}

fn refusal(statement: &str) -> Error {
    let verb = statement.split_whitespace().next().unwrap_or("this").to_uppercase();
    Error::invalid(format!("{verb} is not answered: queries only read, by {ANSWERED}"))
}
