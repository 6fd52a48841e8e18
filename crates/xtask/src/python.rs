//! The Python clients: a virtual environment under the target folder, one for each state of a requirements file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{root, run, target_dir};

/// Written last into an environment: one without it was interrupted and is made anew.
const COMPLETE: &str = "annals-complete";

/// The python of an environment that holds exactly what `requirements` (relative to the root) pins. Made on first use.
///
/// # Errors
/// When there is no Python 3 with `venv`, or a package cannot be installed: the reason why a step could not run.
pub(crate) fn environment(requirements: &str) -> Result<PathBuf> {
    let requirements = root().join(requirements);
    let pinned = std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let mut hasher = DefaultHasher::new();
    pinned.hash(&mut hasher);
    let folder = target_dir().join("python").join(format!("{:016x}", hasher.finish()));
    let python = folder.join("bin").join("python");
    if folder.join(COMPLETE).exists() {
        return Ok(python);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    println!("making a Python environment in {}", folder.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .context("python3 with its venv module is needed (on Debian and Ubuntu: apt-get install python3-venv)")?;
    install(&python, &requirements)?;
    std::fs::write(folder.join(COMPLETE), pinned)?;
    Ok(python)
}

fn install(python: &Path, requirements: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    if run(&mut pip).is_err() {
        bail!("pip could not install {}", requirements.display());
    }
    Ok(())
}
