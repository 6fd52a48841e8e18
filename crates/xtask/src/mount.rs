//! A file system of a test's own: a tmpfs in a user and mount namespace, which needs no rights where those are allowed.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// Whether `unshare` may make a namespace in which a tmpfs can be mounted.
///
/// # Errors
/// When it may not: the reason why a step could not run.
pub(crate) fn check() -> Result<()> {
    // In a mount namespace of its own, so that nobody else's folder for temporary files is hidden.
    let mut probe = Command::new("unshare");
    probe.args(["--mount", "--map-root-user", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/tmp"]);
    match probe.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("a user and mount namespace is needed (or root), and unshare may not make one"),
        Err(_) => bail!("unshare (of util-linux) is needed"),
    }
}
