//! `annals dead-letters`: the records that a server refused, shown or sent again as new events.

mod resend;
mod statement;

#[cfg(test)]
mod tests;

use annals_event::parse_time_bound;
use anyhow::{Context, Result};

use crate::access::Access;
use crate::command::{Common, DeadLetters};
use crate::sql::{RowsOutput, answer};

use statement::Selection;

/// Dead letters that are shown when nobody says how many.
const LIMIT_DEFAULT: u32 = 50;

pub(crate) fn run(common: &Common, command: &DeadLetters) -> Result<()> {
    let access = Access::open(common)?;
    let selection = select(command, access.clock().now_us())?;
    let source = access.source()?;
    if command.retry {
        return resend::run(&access, &source, &selection);
    }
    let limit = command.limit.unwrap_or(LIMIT_DEFAULT);
    let statement = selection.list(command.format, limit);
    answer(access.runtime(), &source, &statement, &RowsOutput::new(command.format, limit as usize)).context(NOT_READ)
}

/// Said around an error of reading them.
const NOT_READ: &str = "cannot read the dead letters, which `annals serve` keeps in its store";

/// The dead letters that the flags ask for.
fn select(command: &DeadLetters, now_us: i64) -> Result<Selection> {
    let bound = |text: &Option<String>, flag: &str| {
        text.as_deref().map(|text| parse_time_bound(text, now_us)).transpose().with_context(|| flag.to_owned())
    };
    Ok(Selection {
        projects: command.project.clone(),
        since_us: bound(&command.since, "--since")?,
        until_us: bound(&command.until, "--until")?,
        limit: command.limit,
    })
}
