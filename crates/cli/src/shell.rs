//! The SQL shell: line editing, history, statements over several lines.

use anyhow::{Context, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::access::Access;
use crate::command::Sql;
use crate::output::Format;
use crate::session::state_dir;
use crate::source::Source;
use crate::sql::{RowsOutput, answer, split_statements};

const HELP: &str = "\
  select …;            run a statement, over as many lines as it needs
  \\d                   list the tables           \\d events   list a table's columns
  \\f json|csv|table    change the format         \\q or Ctrl-D leave
  payload->>'syncId'   a member of the payload as text; payload->'a'->>'b' goes deeper";

/// Reads and answers statements until the end of input.
#[expect(clippy::print_stdout, reason = "the shell talks to the person at the terminal")]
pub(crate) fn run(access: &Access, source: &Source, command: &Sql) -> Result<()> {
    let mut editor = DefaultEditor::new().context("cannot start the line editor")?;
    let history = state_dir().ok().map(|dir| dir.join("sql_history"));
    if let Some(path) = &history {
        // No history yet is no error.
        let _ = editor.load_history(path);
    }
    println!("annals SQL over {}. \\? for help, \\q to leave.", access.url());
    let mut output = command.output();
    let mut pending = String::new();
    loop {
        match editor.readline(if pending.is_empty() { "annals> " } else { "   ...> " }) {
            Ok(line) => {
                if pending.is_empty() && line.trim_start().starts_with('\\') {
                    let _ = editor.add_history_entry(line.trim());
                    if !meta(access, source, line.trim(), &mut output) {
                        break;
                    }
                    continue;
                }
                if pending.is_empty() && matches!(line.trim(), "quit" | "exit") {
                    break;
                }
                pending.push_str(&line);
                pending.push('\n');
                if !line.trim_end().ends_with(';') {
                    if pending.trim().is_empty() {
                        pending.clear();
                    }
                    continue;
                }
                let _ = editor.add_history_entry(pending.trim());
                for statement in split_statements(&std::mem::take(&mut pending)) {
                    show(access, source, &statement, &output);
                }
            }
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("cannot read from the terminal"),
        }
    }
    if let Some(path) = &history {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).ok();
        }
        editor.save_history(path).with_context(|| format!("cannot save the history to {}", path.display()))?;
    }
    Ok(())
}

/// A command that starts with a backslash; `false` to leave.
#[expect(clippy::print_stdout, reason = "the shell talks to the person at the terminal")]
fn meta(access: &Access, source: &Source, line: &str, output: &mut RowsOutput) -> bool {
    let mut words = line.split_whitespace();
    match (words.next().unwrap_or_default(), words.next()) {
        ("\\q", _) => return false,
        ("\\?" | "\\h", _) => println!("{HELP}"),
        ("\\d", None) => {
            let tables = "select table_name from information_schema.tables where table_schema = 'public' order by 1";
            show(access, source, tables, &RowsOutput { format: Format::Table, ..*output });
        }
        ("\\d", Some(table)) => {
            show(access, source, &format!("describe {table}"), &RowsOutput { format: Format::Table, ..*output })
        }
        ("\\f", Some(name)) => match <Format as clap::ValueEnum>::from_str(name, true) {
            Ok(chosen) => output.format = chosen,
            Err(_) => println!("formats: table, json, ndjson, csv"),
        },
        (other, _) => println!("unknown command {other}; \\? for help"),
    }
    true
}

/// Answers a statement; an error is shown and the shell goes on.
#[expect(clippy::print_stderr, reason = "the shell talks to the person at the terminal")]
fn show(access: &Access, source: &Source, statement: &str, output: &RowsOutput) {
    if let Err(error) = answer(access.runtime(), source, statement, output) {
        eprintln!("error: {error:#}");
    }
}
