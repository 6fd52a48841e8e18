//! [`Kept`]: what the last run of a form told and which runs it took, in a file under the target folder, so that a test that
//! failed can be run again without all the others.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::table::Table;

/// Before each run in words; all other lines are the table's.
const RUN: &str = "# ";

/// A table and the runs that told it, the first one first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) table: Table,
    pub(super) runs: Vec<String>,
}

impl Kept {
    /// # Errors
    /// When no run of this form was kept.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("no earlier run is kept ({}): run without --resume first", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let (runs, rows): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with(RUN));
        if runs.is_empty() {
            bail!("what is kept names no run: run without --resume first");
        }
        let runs = runs.into_iter().map(|line| line[RUN.len()..].to_owned()).collect();
        Ok(Self { table: Table::read(&rows.join("\n"))?, runs })
    }

    /// With what a later run told in the place of what was told before of the same.
    pub(super) fn renewed(mut self, later: Table, run: String) -> Self {
        self.runs.push(run);
        Self { table: self.table.renewed(later), runs: self.runs }
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    fn text(&self) -> String {
        let runs: String = self.runs.iter().map(|run| format!("{RUN}{run}\n")).collect();
        runs + &self.table.lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let row = r#"{"promise":1,"what":"w","runs":2,"acknowledged":3,"lost":0,"doubled":0,"invented":0,"wrong":0}"#;
        let first = Kept::default().renewed(Table::read(row).unwrap(), "All: commit a".to_owned());
        let second = first.renewed(Table::default(), "`x` again: commit b".to_owned());
        assert_eq!(second.runs.len(), 2);
        assert_eq!(Kept::parse(&second.text()).unwrap(), second);
        Kept::parse(row).unwrap_err();
    }
}
