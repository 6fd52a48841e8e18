//! [`Table`]: the lines that proofs told, one row a promise and fault, as text for a terminal and as Markdown.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

const HEAD: [&str; 8] = ["promise", "what", "runs", "acknowledged", "lost", "doubled", "invented", "wrong"];

/// What was counted of one promise and one kind of fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    runs: u64,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    invented: u64,
    wrong: u64,
}

/// All that was told. Several lines of one promise and fault are summed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    rows: BTreeMap<(u64, String), Counts>,
}

impl Table {
    /// Reads the file that proofs are told to.
    ///
    /// # Errors
    /// For a line that no proof wrote.
    pub(super) fn read(lines: &str) -> Result<Self> {
        let mut table = Self::default();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            table.take(line).with_context(|| format!("this line of the report is no proof's: {line}"))?;
        }
        Ok(table)
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let told: Value = serde_json::from_str(line)?;
        let number = |name: &str| told[name].as_u64().with_context(|| format!("{name} is not there"));
        let what = told["what"].as_str().context("what is not there")?.to_owned();
        let counts = self.rows.entry((number("promise")?, what)).or_default();
        counts.runs += number("runs")?;
        counts.acknowledged += number("acknowledged")?;
        counts.lost += number("lost")?;
        counts.doubled += number("doubled")?;
        counts.invented += number("invented")?;
        counts.wrong += number("wrong")?;
        Ok(())
    }

    /// This table with the rows of a later one in the place of its own of the same promise and fault.
    pub(super) fn renewed(mut self, later: Self) -> Self {
        self.rows.extend(later.rows);
        self
    }

    /// Lines that [`Self::read`] reads as this table.
    pub(super) fn lines(&self) -> String {
        let line = |((promise, what), counts): (&(u64, String), &Counts)| {
            let Counts { runs, acknowledged, lost, doubled, invented, wrong } = counts;
            let told = json!({
                "promise": promise, "what": what, "runs": runs, "acknowledged": acknowledged, "lost": lost,
                "doubled": doubled, "invented": invented, "wrong": wrong,
            });
            format!("{told}\n")
        };
        self.rows.iter().map(line).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether nothing bad was counted.
    pub(super) fn is_good(&self) -> bool {
        self.rows.values().all(|counts| counts.lost + counts.doubled + counts.invented + counts.wrong == 0)
    }

    fn cells(&self) -> impl Iterator<Item = [String; 8]> {
        self.rows.iter().map(|((promise, what), counts)| {
            let Counts { runs, acknowledged, lost, doubled, invented, wrong } = *counts;
            let [runs, acknowledged, lost, doubled, invented, wrong] =
                [runs, acknowledged, lost, doubled, invented, wrong].map(grouped);
            [promise.to_string(), what.clone(), runs, acknowledged, lost, doubled, invented, wrong]
        })
    }

    /// For a terminal: columns under each other.
    pub(super) fn text(&self) -> String {
        let rows: Vec<[String; 8]> = std::iter::once(HEAD.map(str::to_owned)).chain(self.cells()).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let line = |row: &[String; 8]| {
            let cells =
                row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                    if at == 1 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                });
            cells.collect::<Vec<_>>().join("  ")
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// For a document.
    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let head = line(&HEAD.map(str::to_owned));
        let rule = "|--:|---|--:|--:|--:|--:|--:|--:|".to_owned();
        let rows = self.cells().map(|cells| line(&cells.map(|cell| cell.replace('|', "\\|"))));
        [head, rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(promise: u64, what: &str, runs: u64, lost: u64) -> String {
        serde_json::json!({
            "promise": promise, "what": what, "runs": runs, "acknowledged": 1_234_567, "lost": lost, "doubled": 0,
            "invented": 0, "wrong": 0, "full": false,
        })
        .to_string()
    }

    #[test]
    fn lines_of_one_fault_are_summed_and_ordered_by_promise() {
        let lines = [line(13, "a", 5, 0), line(2, "b", 1, 0), line(13, "a", 7, 0)].join("\n");
        let table = Table::read(&lines).unwrap();
        assert!(table.is_good());
        let text = table.text();
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[1].contains("b") && rows[2].contains("12") && rows[2].contains("2,469,134"), "{text}");
        assert!(table.markdown().ends_with("| 13 | a | 12 | 2,469,134 | 0 | 0 | 0 | 0 |"), "{}", table.markdown());
    }

    #[test]
    fn later_rows_take_the_place_of_earlier_ones_and_tables_are_read_as_written() {
        let earlier = Table::read(&[line(1, "a", 5, 2), line(2, "b", 1, 0)].join("\n")).unwrap();
        let renewed = earlier.renewed(Table::read(&line(1, "a", 7, 0)).unwrap());
        let expected = Table::read(&[line(1, "a", 7, 0), line(2, "b", 1, 0)].join("\n")).unwrap();
        assert!(renewed.is_good());
        assert_eq!(renewed, expected);
        assert_eq!(Table::read(&renewed.lines()).unwrap(), expected);
    }

    #[test]
    fn a_loss_is_not_good_and_a_foreign_line_is_an_error() {
        assert!(!Table::read(&line(1, "a", 1, 1)).unwrap().is_good());
        Table::read("{\"promise\":1}").unwrap_err();
        assert!(Table::read("\n").unwrap().is_empty());
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 100_000, 1_000_000].map(grouped), ["0", "999", "1,000", "100,000", "1,000,000"]);
    }
}
