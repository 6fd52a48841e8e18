//! [`RefusalLog`]: tells of refused records, the first on standard error, all in a file where one was asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use annals_event::Refusal;
use anyhow::{Context, Result};

use crate::paint::thousands;

/// Refusals that are shown one by one; all are counted, and all are written with `--refused`.
const REFUSALS_SHOWN_MAX: u64 = 20;

/// Where refused records go.
pub(super) struct RefusalLog {
    file: Option<BufWriter<File>>,
    count: u64,
}

impl RefusalLog {
    pub(super) fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| File::create(path).with_context(|| format!("cannot create {}", path.display())))
            .transpose()?
            .map(BufWriter::new);
        Ok(Self { file, count: 0 })
    }

    #[expect(clippy::print_stderr, reason = "refusals are told to the person at the terminal")]
    pub(super) fn extend(&mut self, source: &Path, refusals: &[Refusal]) -> Result<()> {
        for refusal in refusals {
            self.count += 1;
            if self.count <= REFUSALS_SHOWN_MAX {
                eprintln!("refused {}:{}: {}", source.display(), refusal.line, refusal.reason);
            }
            if let Some(file) = &mut self.file {
                let line = serde_json::json!({
                    "file": source.display().to_string(),
                    "line": refusal.line,
                    "reason": refusal.reason,
                    "record": String::from_utf8_lossy(&refusal.raw),
                });
                writeln!(file, "{line}").context("cannot write the refused records")?;
            }
        }
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "refusals are told to the person at the terminal")]
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.count > REFUSALS_SHOWN_MAX {
            let hint = if self.file.is_some() { "" } else { "; --refused FILE keeps them all" };
            eprintln!("… and {} more refused{hint}", thousands(self.count - REFUSALS_SHOWN_MAX));
        }
        match &mut self.file {
            Some(file) => file.flush().context("cannot write the refused records"),
            None => Ok(()),
        }
    }
}
