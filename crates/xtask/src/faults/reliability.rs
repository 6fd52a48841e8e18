//! The table of the last run in `crates/RELIABILITY.md`, between two markers that no person writes between.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::table::Table;
use crate::shell::{output, root};

/// The document.
pub(super) const PATH: &str = "crates/RELIABILITY.md";

/// Puts the table into the document, with what it was run on.
pub(super) fn write(table: &Table, form: &str, runs: &[String], unmet: &[(&str, String)]) -> Result<()> {
    let path = root().join(PATH);
    let document = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PATH}"))?;
    let begin = format!("<!-- {form} form: written by cargo xtask faults --write -->");
    let end = format!("<!-- end of the {form} form -->");
    let mut text = format!("{}\n\n{}\n", runs.join("\n"), table.markdown());
    for (need, why) in unmet {
        text.push_str(&format!("\nNot run: tests of `{need}` ({why}).\n"));
    }
    let changed = between(&document, &begin, &end, &text)
        .with_context(|| format!("{PATH} has not, once and in this order, the lines {begin:?} and {end:?}"))?;
    std::fs::write(&path, changed).with_context(|| format!("cannot write {PATH}"))?;
    println!("written: {PATH}");
    Ok(())
}

/// `document` with `text` between the two marks.
fn between(document: &str, begin: &str, end: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    let once = !rest.contains(begin) && !after.contains(end);
    once.then(|| format!("{before}{begin}\n{text}{end}{after}"))
}

/// A run in words: what it ran (all, if nothing is named), commit, date, machine, and how long it took.
pub(super) fn run_on(took: Duration, only: &[String]) -> Result<String> {
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root()));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty() { "" } else { "+" };
    let date = output(Command::new("date").args(["-u", "+%F"]))?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let line = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':').map(str::to_owned));
        value.map_or("unknown".to_owned(), |value| value.trim().to_owned())
    };
    let memory = line("/proc/meminfo", "MemTotal");
    let memory =
        memory.trim_end_matches(" kB").parse::<u64>().map_or(memory.clone(), |kib| format!("{} GiB", kib >> 20));
    let model = line("/proc/cpuinfo", "model name");
    let what = if only.is_empty() { "All".to_owned() } else { format!("`{}` again", only.join("`, `")) };
    let (commit, date, minutes) = (commit.trim(), date.trim(), took.as_secs_f64() / 60.0);
    Ok(format!("{what}: commit {commit}{changed}, {date}, {cores} cores of {model}, {memory}, {minutes:.0} minutes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = "head\n<a>\nold\n<b>\ntail\n";
        let changed = between(document, "<a>", "<b>", "new\n").unwrap();
        assert_eq!(changed, "head\n<a>\nnew\n<b>\ntail\n");
        assert_eq!(between(&changed, "<a>", "<b>", "new\n").unwrap(), changed, "twice changes nothing");
    }

    #[test]
    fn marks_that_are_missing_doubled_or_turned_round_are_noticed() {
        for document in ["", "<a>", "<b>", "<b>\n<a>", "<a>\n<a>\n<b>", "<a>\n<b>\n<b>"] {
            assert_eq!(between(document, "<a>", "<b>", "new"), None, "{document:?}");
        }
    }
}
