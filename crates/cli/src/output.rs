//! Where answers go: standard output, a table on request, everything else through the server crate's encoders.

use std::io::{self, BufWriter, IsTerminal, Write};

use annals_event::columns;
use annals_server::{ResultFormat, ResultWriter, RowShape};
use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::paint::Paint;

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// CSV with a header line.
    Csv,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// The machine format, or `None` for the table.
    pub(crate) fn machine(self) -> Option<ResultFormat> {
        Some(match self {
            Self::Table => return None,
            Self::Json => ResultFormat::Json,
            Self::Ndjson => ResultFormat::Ndjson,
            Self::Csv => ResultFormat::Csv,
            Self::Parquet => ResultFormat::Parquet,
            Self::Arrow => ResultFormat::Arrow,
        })
    }
}

/// A writer of `schema` to standard output; refuses to pour binary onto a terminal.
pub(crate) fn result_writer(
    format: ResultFormat,
    shape: RowShape,
    schema: &SchemaRef,
) -> Result<ResultWriter<BufWriter<io::Stdout>>> {
    if !format.is_text() && io::stdout().is_terminal() {
        bail!(
            "this format is binary and standard output is a terminal: redirect it to a file, e.g. `> answer.parquet`"
        );
    }
    ResultWriter::new(BufWriter::with_capacity(1 << 20, io::stdout()), format, shape, schema)
        .context("cannot write to standard output")
}

/// Width of the terminal, or of what a pipe's reader can be assumed to want.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Prints events as lines: time, level, type, message, then what else identifies them.
pub(crate) fn print_events(batch: &RecordBatch, paint: Paint, out: &mut impl Write) -> Result<()> {
    let column = |name: &str| batch.column_by_name(name).with_context(|| format!("the answer has no column {name}"));
    let text = |name: &str| -> Result<Vec<String>> {
        let array = arrow::compute::cast(column(name)?, &DataType::Utf8)?;
        let array = array.as_string::<i32>();
        Ok((0..array.len())
            .map(|row| if array.is_null(row) { String::new() } else { one_line(array.value(row)) })
            .collect())
    };
    let times = column(columns::TIMESTAMP)?.as_primitive::<TimestampMicrosecondType>();
    let (levels, types, messages) = (text(columns::LEVEL)?, text(columns::TYPE)?, text(columns::MESSAGE)?);
    let (projects, users, traces) = (text(columns::PROJECT_ID)?, text(columns::END_USER_ID)?, text(columns::TRACE_ID)?);
    let widest = |values: &[String], most: usize| values.iter().map(|v| v.chars().count()).max().unwrap_or(0).min(most);
    let (type_width, project_width) = (widest(&types, 28), widest(&projects, 24));
    let width = terminal_width();
    for row in 0..batch.num_rows() {
        let time = annals_event::format_timestamp(times.value(row));
        let head = format!(
            "{}  {}  {}  {}  ",
            paint.dim(&time),
            paint.level(&levels[row], &format!("{:<5}", levels[row])),
            paint.cyan(&pad(&types[row], type_width)),
            pad(&projects[row], project_width),
        );
        let head_width = time.chars().count() + 5 + type_width + project_width + 8;
        let mut rest = String::new();
        if !users[row].is_empty() {
            rest.push_str(&format!("  user={}", users[row]));
        }
        if !traces[row].is_empty() {
            rest.push_str(&format!("  trace={}", traces[row]));
        }
        // On a narrow terminal the message matters more than the ids; one event stays one line.
        let (message, rest) = match width {
            Some(width) => {
                let message = clip(&messages[row], width.saturating_sub(head_width).max(20));
                let room = width.saturating_sub(head_width + message.chars().count());
                (message, clip(&rest, room))
            }
            None => (messages[row].clone(), rest),
        };
        writeln!(out, "{head}{message}{}", paint.dim(&rest))?;
    }
    Ok(())
}

/// Prints batches as a table with a count below.
pub(crate) fn print_table(batches: &[RecordBatch], schema: &SchemaRef, out: &mut impl Write) -> Result<()> {
    const CELL_CHARS_MAX: usize = 400;
    let mut table = Table::new();
    match terminal_width() {
        Some(width) => {
            table.load_preset(comfy_table::presets::UTF8_FULL_CONDENSED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        None => {
            table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        }
    }
    table.set_header(schema.fields().iter().map(|field| field.name().clone()));
    for (index, field) in schema.fields().iter().enumerate() {
        if field.data_type().is_numeric()
            && let Some(column) = table.column_mut(index)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let options = FormatOptions::default()
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.6fZ"))
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.6f"));
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            table.add_row(columns.iter().map(|column| clip(&one_line(&column.value(row).to_string()), CELL_CHARS_MAX)));
        }
    }
    writeln!(out, "{table}")?;
    Ok(())
}

/// Text safe to show on one line: control characters (escape sequences in hostile events too) are made visible.
pub(crate) fn one_line(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn pad(text: &str, width: usize) -> String {
    let clipped = clip(text, width);
    let missing = width.saturating_sub(clipped.chars().count());
    clipped + &" ".repeat(missing)
}

/// At most `chars_max` characters, the last one an ellipsis where something was cut.
pub(crate) fn clip(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    if chars_max > 0 {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_move_the_cursor() {
        assert_eq!(one_line("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb c");
    }

    #[test]
    fn clipping_counts_characters_not_bytes() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöüß", 3), "äö…");
        assert_eq!(clip("abc", 0), "");
    }
}
