//! `cargo xtask faults`: the proofs of the promises, and the faults broken on purpose that prove the proofs.

mod kept;
mod mutants;
mod proofs;
mod reliability;
mod replica;
mod table;
mod trial;

use anyhow::{Result, bail};

pub(crate) const HELP: &str = "\
The promises of crates/RELIABILITY.md under fault, and proofs that these proofs can fail.

Usage: cargo xtask faults [--full] [--only NAME]… [--write]
       cargo xtask faults [--full] --resume --only NAME… [--write]
       cargo xtask faults --mutants [--only NAME]…
       cargo xtask faults --mutants --list

Without --mutants: runs the tests that try to break a promise and prints what each counted.
  --full         the full form, in the release profile: hours rather than minutes
  --only NAME    only tests whose path contains NAME (may be repeated), e.g. proofs::crash
  --write        put the table into crates/RELIABILITY.md, with commit, date and machine
  --resume       keep what the last run of this form told, and put what the named tests tell now in its place: name
                 all that failed then

With --mutants: breaks the program on purpose, one listed fault after the other (tests/mutants/*.toml), in a copy of the
checkout, and runs the test that must notice. A fault that no test notices is a failure.
  --only NAME    only this fault (may be repeated)
  --list         name the faults, what each breaks and the test that must notice

Examples:
  cargo xtask faults
  cargo xtask faults --full --write
  cargo xtask faults --full --write --resume --only proofs::overload
  ANNALS_FAULTS_SEED=7 cargo xtask faults --only proofs::crash
  cargo xtask faults --mutants --only wal_sync_dropped

Exit code: 0 when every promise held (every fault was noticed), 1 when one was broken (one was not), 2 for a wrong
command line.";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) full: bool,
    pub(crate) write: bool,
    pub(crate) mutants: bool,
    pub(crate) list: bool,
    pub(crate) resume: bool,
    pub(crate) only: Vec<String>,
}

impl Request {
    /// Reads the words behind `faults`.
    ///
    /// # Errors
    /// For words that mean nothing, or that do not go together.
    pub(crate) fn read(words: &[&str]) -> Result<Self> {
        let mut request = Self::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
                "--full" => request.full = true,
                "--write" => request.write = true,
                "--mutants" => request.mutants = true,
                "--list" => request.list = true,
                "--resume" => request.resume = true,
                "--only" => match words.next() {
                    Some(name) if !name.starts_with('-') => request.only.push(name.to_owned()),
                    _ => bail!("--only needs a name"),
                },
                other => bail!("faults does not know {other}: see cargo xtask faults --help"),
            }
        }
        match &request {
            Self { mutants: true, full: true, .. } => bail!("--full is a form of the proofs, not of --mutants"),
            Self { mutants: true, resume: true, .. } => bail!("--resume is for the proofs' table, not for --mutants"),
            Self { mutants: true, write: true, .. } => bail!("--write is for the proofs' table, not for --mutants"),
            Self { mutants: false, list: true, .. } => bail!("--list lists the faults of --mutants"),
            Self { resume: true, only, .. } if only.is_empty() => {
                bail!("--resume needs the tests to run again: --only")
            }
            Self { write: true, resume: false, only, .. } if !only.is_empty() => {
                bail!("--write puts the whole table into the file: with --only it needs --resume")
            }
            _ => Ok(request),
        }
    }
}

/// Does it, and returns whether every promise held and every fault was noticed.
pub(crate) fn run(request: &Request) -> Result<bool> {
    match request {
        Request { mutants: true, list: true, .. } => mutants::list(),
        Request { mutants: true, only, .. } => trial::run(only),
        _ => proofs::run(request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_do_not_go_together_are_refused() {
        let read = |words: &str| Request::read(&words.split_whitespace().collect::<Vec<_>>());
        let request = read("--full --only a --only b").unwrap();
        assert_eq!((request.full, request.only), (true, vec!["a".to_owned(), "b".to_owned()]));
        assert!(read("--mutants --list").unwrap().list);
        assert!(read("--full --write --resume --only a").unwrap().resume);
        for wrong in ["--resume", "--only", "--only --full", "--mutants --full", "--list", "--write --only a", "--fast"]
        {
            read(wrong).unwrap_err();
        }
    }
}
