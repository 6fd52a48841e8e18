//! syslog-ng with its HTTP destination: the one that is installed, else the one of the distribution.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{output, run};

/// Its name, found on the path.
const PROGRAM: &str = "syslog-ng";

/// Debian's packages of it.
const PACKAGES: [&str; 2] = ["syslog-ng-core", "syslog-ng-mod-http"];

/// A syslog-ng that can send over HTTP. Installed when this user may.
///
/// # Errors
/// When there is none and none can be installed: the reason why a step could not run.
pub(crate) fn program() -> Result<&'static str> {
    if can_send() {
        return Ok(PROGRAM);
    }
    let packages = PACKAGES.join(" ");
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        bail!("syslog-ng with its http module is needed (on Debian and Ubuntu: apt-get install {packages})");
    }
    println!("installing {packages}");
    let install = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["install", "--yes", "--quiet=2", "--no-install-recommends"]).args(PACKAGES);
        run(apt_get.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    // A list of packages that is too old, or not there, names files that are gone.
    let installed =
        install().or_else(|_| run(Command::new("apt-get").args(["update", "--quiet=2"])).and_then(|()| install()));
    if installed.is_err() || !can_send() {
        bail!("apt-get could not install {packages}");
    }
    Ok(PROGRAM)
}

/// Whether there is one, with the module that sends over HTTP.
fn can_send() -> bool {
    Command::new(PROGRAM).arg("--version").output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .find_map(|line| line.strip_prefix("Available-Modules:"))
            .is_some_and(|modules| modules.split(',').any(|module| module.trim() == "http"))
    })
}
