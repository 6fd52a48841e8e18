//! The web page: built from its sources, and held equal to the bundle that is committed and goes into the binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{root, run};
use crate::{chromium, node};

/// The page's sources.
const FOLDER: &str = "crates/server/ui";
/// Its bundle, in that folder: committed, so that a build of the program needs no Node.
const BUNDLE: &str = "dist";
/// What the bundle is made of.
const SOURCES: [&str; 5] = ["src", "public", "index.html", "tsconfig.json", "vite.config.ts"];
/// What drives the page in a real browser, and its scripts.
const SCRIPTS: (&str, &str) = ("tests/page", "scripts");
/// The Node that vite needs.
const NODE_MIN: (u32, u32) = (20, 19);

/// The folder with the page's packages and a fresh copy of its sources.
///
/// # Errors
/// The reason why it cannot be built here.
pub(crate) fn environment() -> Result<PathBuf> {
    node::environment(FOLDER, &SOURCES, NODE_MIN)
}

/// Tells `command` where the scripts are that look at the page, and the browser that they drive.
///
/// # Errors
/// The reason why they cannot run here.
pub(crate) fn with_browser(command: &mut Command) -> Result<&mut Command> {
    let (folder, scripts) = SCRIPTS;
    let scripts = node::environment(folder, &[scripts], NODE_MIN)?.join(scripts);
    Ok(command.env("ANNALS_PAGE_SCRIPTS", scripts).env("ANNALS_CHROMIUM", chromium::program()?))
}

/// Builds the bundle anew and puts it where it is committed: `cargo xtask ui`.
pub(crate) fn rebuild() -> Result<()> {
    let built = build(&environment()?)?;
    let committed = root().join(FOLDER).join(BUNDLE);
    if committed.exists() {
        std::fs::remove_dir_all(&committed).with_context(|| format!("cannot remove {}", committed.display()))?;
    }
    for (name, bytes) in &built {
        let path = committed.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&committed))?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{FOLDER}/{BUNDLE}/{name}: {} bytes", bytes.len());
    }
    Ok(())
}

/// The page's own tests, and whether the committed bundle is the build of the committed sources.
///
/// # Errors
/// What is not as it should be.
pub(crate) fn check(environment: &Path) -> Result<()> {
    run(npm(environment).args(["run", "test"]))?;
    let built = build(environment)?;
    let committed = files(&root().join(FOLDER).join(BUNDLE))?;
    let names: Vec<&String> = built.keys().chain(committed.keys()).collect();
    let other: Vec<&str> =
        names.into_iter().filter(|name| built.get(*name) != committed.get(*name)).map(String::as_str).collect();
    if !other.is_empty() {
        bail!("{FOLDER}/{BUNDLE} is not the build of its sources ({}): run cargo xtask ui", other.join(", "));
    }
    Ok(())
}

fn npm(environment: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(environment).arg("--silent");
    npm
}

/// Type-checks and bundles the sources; the files of the bundle by name.
fn build(environment: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    run(npm(environment).args(["run", "build"]))?;
    files(&environment.join(BUNDLE))
}

/// The content of every file under `folder`, by its path in it.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), found)?;
            } else {
                found.insert(name, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    collect(folder, "", &mut found)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_folders_too() {
        let found = files(&root().join(FOLDER).join("public")).unwrap();
        assert!(found.contains_key("favicon.svg"), "{:?}", found.keys());
        assert!(files(&root().join(FOLDER).join(BUNDLE)).unwrap().contains_key("assets/annals.js"));
    }
}
