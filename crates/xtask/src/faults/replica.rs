//! [`Replica`]: the checkout once more, with a target folder of its own, where it can be broken without anybody noticing.
//!
//! The target folder begins as a copy of the checkout's: a library that rustc wrote is replaced, never written to, so those
//! are hard links; all else is copied with its time, by which cargo tells what is fresh.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{output, root, target_dir};

/// Files of these kinds are shared.
const SHARED: [&str; 3] = ["rlib", "rmeta", "so"];
/// The parts of a target folder that cargo goes by.
const PARTS: [&str; 3] = ["deps", ".fingerprint", "build"];

/// A checkout that may be broken.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) root: PathBuf,
    pub(super) target: PathBuf,
}

impl Replica {
    /// The copy of this checkout under its target folder, made or brought up to date.
    pub(super) fn make() -> Result<Self> {
        let folder = std::path::absolute(target_dir())?;
        let copy = Self { root: folder.join("mutants/checkout"), target: folder.join("mutants/target") };
        let built = folder.join("debug");
        let seeded = copy.target.join("debug");
        if built.exists() && !seeded.exists() {
            // Whole or not at all: what an interrupted copy lacks would be built anew, which takes long, but what it has
            // half would be believed.
            let half = copy.target.join("debug.half");
            remove(&half)?;
            for part in PARTS.iter().filter(|part| built.join(part).exists()) {
                seed(&built.join(part), &half.join(part))?;
            }
            std::fs::rename(&half, &seeded)?;
        }
        copy.refresh()?;
        Ok(copy)
    }

    /// Makes every file what it is in the checkout.
    fn refresh(&self) -> Result<()> {
        let listed = output(
            Command::new("git")
                .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
                .current_dir(root()),
        )?;
        let names: BTreeSet<&str> = listed.split('\0').filter(|name| !name.is_empty()).collect();
        for name in &names {
            let (from, to) = (root().join(name), self.root.join(name));
            if !from.exists() {
                // Deleted and not yet committed.
                remove(&to)?;
                continue;
            }
            let wanted = std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            match std::fs::read(&to) {
                Ok(found) if found == wanted => {}
                // A new time: what was built of the other content is stale.
                Ok(_) => write(&to, &wanted)?,
                Err(_) => {
                    write(&to, &wanted)?;
                    same_time(&from, &to)?;
                }
            }
        }
        remove_others(&self.root, &self.root, &names)
    }

    /// The content of a source.
    pub(super) fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(name)).with_context(|| format!("cannot read {name}"))
    }

    /// Replaces a source; what was built of it is stale.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<()> {
        write(&self.root.join(name), content.as_bytes())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn same_time(from: &Path, to: &Path) -> Result<()> {
    let metadata = std::fs::metadata(from)?;
    std::fs::set_permissions(to, metadata.permissions())?;
    let file = File::options().write(true).open(to).with_context(|| format!("cannot open {}", to.display()))?;
    file.set_modified(metadata.modified()?)?;
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// Removes the files of the copy that the checkout does not have.
fn remove_others(dir: &Path, copy: &Path, names: &BTreeSet<&str>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, copy, names)?;
        } else if !path.strip_prefix(copy).ok().and_then(Path::to_str).is_some_and(|name| names.contains(name)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Copies a part of a target folder. Programs are left out: cargo links them again where it misses them.
fn seed(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("an entry has a name")?);
        if path.is_dir() {
            seed(&path, &target)?;
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_program = extension.is_none() && from.ends_with("deps");
        if is_program {
            continue;
        }
        let is_shared = extension.is_some_and(|extension| SHARED.contains(&extension));
        if !(is_shared && std::fs::hard_link(&path, &target).is_ok()) {
            std::fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
            let modified = std::fs::metadata(&path)?.modified()?;
            // A file that may only be read cannot be opened for writing, but its time can be set by its owner.
            let file = File::open(&target)?;
            file.set_modified(modified).with_context(|| format!("cannot set the time of {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_files_of_the_checkout_and_no_others() {
        let dir = std::env::temp_dir().join(format!("annals-xtask-copy-{}", std::process::id()));
        let copy = Replica { root: dir.join("checkout"), target: dir.join("target") };
        copy.refresh().unwrap();
        let name = "crates/xtask/src/faults/replica.rs";
        let original = copy.read(name).unwrap();
        let time = |path: PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(time(copy.root.join(name)), time(root().join(name)), "what is equal looks equally old");
        copy.write(name, "broken").unwrap();
        copy.write("crates/other.rs", "").unwrap();
        copy.refresh().unwrap();
        assert_eq!(copy.read(name).unwrap(), original);
        assert!(time(copy.root.join(name)) > time(root().join(name)), "what was built of the other content is stale");
        assert!(!copy.root.join("crates/other.rs").exists());
        remove(&dir).unwrap();
    }
}
