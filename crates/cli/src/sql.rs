//! `annals sql`: one statement, a script on standard input, or a shell.

use std::io::{self, BufWriter, IsTerminal, Read, Write};

use annals_server::RowShape;
use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use futures::TryStreamExt;
use tokio::runtime::Runtime;

use crate::access::Access;
use crate::command::{Common, Sql};
use crate::output::{Format, one_line, print_table, result_writer};
use crate::paint::{duration, thousands};
use crate::shell;
use crate::source::{RowsStats, Source};
use crate::stopwatch::Stopwatch;

pub(crate) fn run(common: &Common, command: &Sql) -> Result<()> {
    let access = Access::open(common)?;
    let source = access.source()?;
    if let Some(statement) = &command.statement {
        return answer(access.runtime(), &source, statement, &command.output());
    }
    if io::stdin().is_terminal() {
        return shell::run(&access, &source, command);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read the statement from standard input")?;
    let statements = split_statements(&text);
    if statements.is_empty() {
        bail!("no statement: give one as an argument or on standard input");
    }
    if statements.len() > 1 && !matches!(command.format, Format::Table | Format::Ndjson) {
        bail!("several statements can be answered as table or ndjson only: run them one by one for other formats");
    }
    for statement in statements {
        answer(access.runtime(), &source, &statement, &command.output())?;
    }
    Ok(())
}

/// How the rows of a statement are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowsOutput {
    pub(crate) format: Format,
    /// Most rows of a table.
    pub(crate) rows_max: usize,
    /// Whether what it took is told too.
    pub(crate) stats: bool,
}

impl RowsOutput {
    /// Rows alone, in a table at most `rows_max` of them.
    pub(crate) fn new(format: Format, rows_max: usize) -> Self {
        Self { format, rows_max, stats: false }
    }
}

impl Sql {
    /// What the flags ask for.
    pub(crate) fn output(&self) -> RowsOutput {
        RowsOutput { format: self.format, rows_max: self.rows, stats: self.stats }
    }
}

/// Runs one statement and writes its answer to standard output.
pub(crate) fn answer(runtime: &Runtime, source: &Source, statement: &str, output: &RowsOutput) -> Result<()> {
    let RowsOutput { format, rows_max, stats: with_stats } = *output;
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let rows = source.sql(statement).await?;
        let (schema, mut stream, stats) = (rows.schema, rows.stream, rows.stats);
        let Some(format) = format.machine() else {
            let (mut kept, mut rows) = (Vec::<RecordBatch>::new(), 0usize);
            while let Some(batch) = stream.try_next().await? {
                let room = rows_max.saturating_sub(rows);
                if room > 0 && batch.num_rows() > 0 {
                    kept.push(batch.slice(0, batch.num_rows().min(room)));
                }
                rows += batch.num_rows();
            }
            let mut out = BufWriter::new(io::stdout().lock());
            print_table(&kept, &schema, &mut out)?;
            out.flush()?;
            tell_count(rows, rows_max, watch);
            if with_stats {
                tell_stats(&stats);
            }
            return Ok(());
        };
        let mut writer = result_writer(format, RowShape::Columns, &schema)?;
        while let Some(batch) = stream.try_next().await? {
            writer.write(&batch)?;
        }
        writer.finish()?;
        if with_stats {
            tell_stats(&stats);
        }
        Ok(())
    })
}

/// One JSON line on standard error.
#[expect(clippy::print_stderr, reason = "asked for by --stats")]
fn tell_stats(stats: &RowsStats) {
    if let Some(stats) = stats.json() {
        eprintln!("{}", one_line(&stats));
    }
}

#[expect(clippy::print_stderr, reason = "notes stay out of the answer on standard output")]
fn tell_count(rows: usize, rows_max: usize, watch: Stopwatch) {
    let noun = if rows == 1 { "row" } else { "rows" };
    let cut = if rows > rows_max {
        format!(", the first {} shown (--rows N)", thousands(rows_max as u64))
    } else {
        String::new()
    };
    eprintln!("{} {noun}{cut} in {}", thousands(rows as u64), duration(watch.elapsed()));
}

/// Cuts a script at semicolons outside of quotes and comments.
pub(crate) fn split_statements(text: &str) -> Vec<String> {
    let (mut statements, mut current) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
                current.push(c);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                current.push(c);
            }
            (None, '-') if chars.peek() == Some(&'-') => {
                for skipped in chars.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
                current.push('\n');
            }
            (None, ';') => statements.push(std::mem::take(&mut current)),
            (None, _) => current.push(c),
        }
    }
    statements.push(current);
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_cut_outside_of_quotes_and_comments() {
        let script = "select ';' as a; -- one; two\nselect \"x;y\" from t;\n\n;";
        assert_eq!(split_statements(script).len(), 2);
        assert!(split_statements(script)[0].contains("';'"));
        assert!(split_statements("-- nothing\n").is_empty());
    }
}
