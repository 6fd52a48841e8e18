//! Packages of Node: a folder under the target folder with what a lock file pins, one for each state of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{output, root, run, target_dir};

/// Written last into a folder: one without it was interrupted and is made anew.
const COMPLETE: &str = "annals-complete";

/// What says which packages there are.
const DEFINITION: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A folder with exactly the packages that `folder` (relative to the root) pins, and copies of its `sources`: files and
/// folders. The packages are installed on first use.
///
/// # Errors
/// When there is no Node of the version that the packages need, or one cannot be installed: the reason why a step could not
/// run.
pub(crate) fn environment(folder: &str, sources: &[&str], version_min: (u32, u32)) -> Result<PathBuf> {
    let source = root().join(folder);
    let version = output(Command::new("node").arg("--version")).context("node and npm are needed")?;
    if !is_at_least(&version, version_min) {
        bail!("node {}.{} or later is needed, not {}", version_min.0, version_min.1, version.trim());
    }
    let mut hasher = DefaultHasher::new();
    for name in DEFINITION {
        std::fs::read(source.join(name)).with_context(|| source.join(name).display().to_string())?.hash(&mut hasher);
    }
    let installed = target_dir().join("node").join(format!("{:016x}", hasher.finish()));
    if !installed.join(COMPLETE).exists() {
        if installed.exists() {
            std::fs::remove_dir_all(&installed).with_context(|| format!("cannot remove {}", installed.display()))?;
        }
        println!("installing the packages of {folder} in {}", installed.display());
        std::fs::create_dir_all(&installed)?;
        for name in DEFINITION {
            std::fs::copy(source.join(name), installed.join(name))?;
        }
        // No package's own scripts: none is needed, and they may fetch whatever they like.
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--silent"]).current_dir(&installed))
            .with_context(|| format!("npm could not install {folder}/package-lock.json"))?;
        std::fs::write(installed.join(COMPLETE), "")?;
    }
    for name in sources {
        refresh(&source.join(name), &installed.join(name))?;
    }
    Ok(installed)
}

fn is_at_least(version: &str, (major_min, minor_min): (u32, u32)) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= (major_min, minor_min),
        _ => false,
    }
}

/// Makes `to` what `from` is, and nothing more: what was deleted there is gone here.
fn refresh(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        std::fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        return Ok(());
    }
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let name = entry?.file_name();
        refresh(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_at_least("v20.20.2\n", (20, 19)) && is_at_least("v22.0.0", (20, 19)));
        assert!(!is_at_least("v20.9.0", (20, 19)) && !is_at_least("v18.99.0", (20, 19)) && !is_at_least("", (0, 0)));
    }
}
