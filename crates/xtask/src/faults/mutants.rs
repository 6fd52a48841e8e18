//! [`Mutant`]: a fault put into the program on purpose, and the list of them in `tests/mutants/*.toml`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::root;

/// Where the lists are.
const FOLDER: &str = "tests/mutants";
/// The package with the integration tests: one binary, `it`.
const INTEGRATION: &str = "annals-tests";

/// A fault and the test that must notice it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// Its name, by which `--only` finds it.
    pub(super) name: String,
    /// The promise that it breaks.
    pub(super) promise: u32,
    /// Why that is a fault: what it would do to somebody's events.
    pub(super) why: String,
    /// The source, relative to the root.
    pub(super) file: String,
    /// Text that must occur in it exactly once.
    pub(super) old: String,
    /// What stands there instead.
    pub(super) new: String,
    /// The package of the test.
    pub(super) package: String,
    /// The full path of the test within it.
    pub(super) test: String,
    /// Seed of the test's choices, where it takes one.
    pub(super) seed: Option<u64>,
    /// Seconds that the test may take; one that takes longer has noticed.
    #[serde(default = "limit_s_default")]
    pub(super) limit_s: u64,
}

fn limit_s_default() -> u64 {
    120
}

impl Mutant {
    /// Whether its test is an integration test.
    pub(super) fn is_integration(&self) -> bool {
        self.package == INTEGRATION
    }

    /// `source` with the fault in it.
    ///
    /// # Errors
    /// When the text to replace is not there exactly once: the list is not of this source any more.
    pub(super) fn broken(&self, source: &str) -> Result<String> {
        match source.matches(&self.old).count() {
            1 => Ok(source.replacen(&self.old, &self.new, 1)),
            0 => bail!("{}: the text to replace is no longer in {}: bring {FOLDER} up to date", self.name, self.file),
            many => bail!("{}: the text to replace is {many} times in {}: take more of it", self.name, self.file),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    mutant: Vec<Mutant>,
}

/// All mutants, or those named.
///
/// # Errors
/// When a list cannot be read, a name stands twice or is not there, or a source has changed under a mutant.
pub(super) fn load(only: &[String]) -> Result<Vec<Mutant>> {
    let folder = root().join(FOLDER);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot list {FOLDER}"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut all: Vec<Mutant> = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let listed: Listed = toml::from_str(&text).with_context(|| format!("{} is no list", path.display()))?;
        all.extend(listed.mutant);
    }
    check_names(&all)?;
    if let Some(unknown) = only.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
        bail!("there is no fault {unknown} (see cargo xtask faults --mutants --list)");
    }
    all.retain(|mutant| only.is_empty() || only.contains(&mutant.name));
    // Every one is checked before the first is tried: a rotten list costs seconds, not hours.
    for mutant in &all {
        let source = std::fs::read_to_string(root().join(&mutant.file))
            .with_context(|| format!("{}: cannot read {}", mutant.name, mutant.file))?;
        mutant.broken(&source)?;
    }
    Ok(all)
}

fn check_names(all: &[Mutant]) -> Result<()> {
    let mut names: Vec<&str> = all.iter().map(|mutant| mutant.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => bail!("two faults are called {}", pair[0]),
        None => Ok(()),
    }
}

/// Prints the list.
pub(super) fn list() -> Result<bool> {
    for mutant in load(&[])? {
        let Mutant { name, promise, why, file, package, test, .. } = mutant;
        println!("{name} (promise {promise})\n  {why}\n  in {file}, noticed by {package} {test}");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str) -> Mutant {
        let text = format!(
            "[[mutant]]\nname = {name:?}\npromise = 1\nwhy = 'w'\nfile = 'f'\nold = 'sync()?;'\nnew = ''\n\
             package = 'annals-writer'\ntest = 't'"
        );
        toml::from_str::<Listed>(&text).unwrap().mutant.remove(0)
    }

    #[test]
    fn the_list_of_this_checkout_fits_its_sources() {
        assert!(load(&[]).unwrap().len() >= 12);
    }

    #[test]
    fn text_that_is_not_there_exactly_once_is_an_error() {
        let mutant = mutant("a");
        assert_eq!(mutant.broken("x; sync()?; y").unwrap(), "x;  y");
        mutant.broken("x").unwrap_err();
        mutant.broken("sync()?; sync()?;").unwrap_err();
    }

    #[test]
    fn two_of_one_name_are_an_error() {
        check_names(&[mutant("a"), mutant("b")]).unwrap();
        check_names(&[mutant("a"), mutant("b"), mutant("a")]).unwrap_err();
    }
}
