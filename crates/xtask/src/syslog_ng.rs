//! syslog-ng with its HTTP destination: the one that is installed, else the one of the distribution.

use std::process::Command;

use anyhow::{Result, bail};

use crate::packages;

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
    packages::install(&PACKAGES, "syslog-ng with its http module is needed")?;
    if !can_send() {
        bail!("apt-get installed {}, and syslog-ng still has no http module", PACKAGES.join(" "));
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
