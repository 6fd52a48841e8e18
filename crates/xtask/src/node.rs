//! The Node clients: a folder under the target folder with their packages, one for each state of a lock file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{output, root, run, target_dir};

/// Written last into a folder: one without it was interrupted and is made anew.
const COMPLETE: &str = "annals-complete";

/// What says which packages there are.
const DEFINITION: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A folder with exactly the packages that `folder` (relative to the root) pins, and a copy of its script. The packages are
/// installed on first use.
///
/// # Errors
/// When there is no Node of the version that the packages need, or one cannot be installed: the reason why a step could not
/// run.
pub(crate) fn environment(folder: &str, script: &str, major_min: u32) -> Result<PathBuf> {
    let source = root().join(folder);
    let version = output(Command::new("node").arg("--version")).context("node and npm are needed")?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < major_min) {
        bail!("node {major_min} or later is needed, not {}", version.trim());
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
        println!("installing the Node clients in {}", installed.display());
        std::fs::create_dir_all(&installed)?;
        for name in DEFINITION {
            std::fs::copy(source.join(name), installed.join(name))?;
        }
        // No package's own scripts: none is needed, and they may fetch whatever they like.
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--silent"]).current_dir(&installed))
            .with_context(|| format!("npm could not install {folder}/package-lock.json"))?;
        std::fs::write(installed.join(COMPLETE), "")?;
    }
    std::fs::copy(source.join(script), installed.join(script))?;
    Ok(installed)
}
