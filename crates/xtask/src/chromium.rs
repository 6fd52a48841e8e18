//! Chromium: the one that is installed, else the one of the distribution.

use std::process::Command;

use anyhow::{Result, bail};

use crate::packages;

/// Its names, found on the path.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Debian's package of it, with letters to write with.
const PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// A Chromium that starts. Installed when this user may.
///
/// # Errors
/// When there is none and none can be installed: the reason why a step could not run.
pub(crate) fn program() -> Result<&'static str> {
    if let Some(found) = found() {
        return Ok(found);
    }
    packages::install(&PACKAGES, "Chromium is needed")?;
    match found() {
        Some(found) => Ok(found),
        None => bail!("apt-get installed {}, and still no Chromium starts", PACKAGES.join(" ")),
    }
}

fn found() -> Option<&'static str> {
    let starts =
        |program: &&str| Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success());
    PROGRAMS.into_iter().find(starts)
}
