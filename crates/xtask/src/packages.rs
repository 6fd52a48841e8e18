//! The distribution's packages, for what tests need and no registry has.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{output, run};

/// Installs Debian's `packages` when this user may.
///
/// # Errors
/// `needed`, with what to install, when the user may not; and when apt-get cannot.
pub(crate) fn install(packages: &[&str], needed: &str) -> Result<()> {
    let named = packages.join(" ");
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        bail!("{needed} (on Debian and Ubuntu: apt-get install {named})");
    }
    println!("installing {named}");
    let install = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["install", "--yes", "--quiet=2", "--no-install-recommends"]).args(packages);
        run(apt_get.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    // A list of packages that is too old, or not there, names files that are gone.
    let installed =
        install().or_else(|_| run(Command::new("apt-get").args(["update", "--quiet=2"])).and_then(|()| install()));
    if installed.is_err() {
        bail!("apt-get could not install {named}");
    }
    Ok(())
}
