//! [`Metadata`]: the packages that a build on this machine takes, as `cargo metadata` tells them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{cargo, output};

/// A package of the resolved graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression, if there is one.
    pub(crate) licence: Option<String>,
    /// Direct dependencies by id: for the library or program itself, or for building it.
    pub(crate) normal: BTreeSet<String>,
    /// Direct dependencies by id of tests and benches alone.
    pub(crate) dev: BTreeSet<String>,
}

/// The resolved graph for this machine's platform.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// Packages by id.
    pub(crate) packages: BTreeMap<String, Package>,
    /// Ids of the workspace's own.
    pub(crate) members: BTreeSet<String>,
}

impl Metadata {
    /// Asks cargo. The lock file must be up to date.
    pub(crate) fn load() -> Result<Self> {
        let host = output(std::process::Command::new("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?.to_owned();
        let text = output(&mut cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", &host]))?;
        Self::parse(&serde_json::from_str(&text)?)
    }

    fn parse(json: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut packages = BTreeMap::new();
        for node in list(&json["resolve"]["nodes"]) {
            let mut package = Package::default();
            for dependency in list(&node["deps"]) {
                let id = text(&dependency["pkg"]).context("a dependency has an id")?;
                for kind in list(&dependency["dep_kinds"]) {
                    let kind = kind["kind"].as_str();
                    if kind == Some("dev") { &mut package.dev } else { &mut package.normal }.insert(id.clone());
                }
            }
            packages.insert(text(&node["id"]).context("a node has an id")?, package);
        }
        for described in list(&json["packages"]) {
            if let Some(package) = described["id"].as_str().and_then(|id| packages.get_mut(id)) {
                package.name = text(&described["name"]).unwrap_or_default();
                package.version = text(&described["version"]).unwrap_or_default();
                package.licence = text(&described["license"]);
            }
        }
        let members = list(&json["workspace_members"]).iter().filter_map(text).collect();
        Ok(Self { packages, members })
    }

    /// Everything that `id` is built from, itself included.
    pub(crate) fn closure(&self, id: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.packages.get_key_value(id).map(|(id, _)| id.as_str()).into_iter().collect();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(
                    self.packages.get(id).into_iter().flat_map(|package| package.normal.iter().map(String::as_str)),
                );
            }
        }
        seen
    }

    /// The name of a package by its id.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.packages.get(id).map_or(id, |package| &package.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_closure_follows_normal_and_build_dependencies_only() {
        let graph = json!({
            "workspace_members": ["a"],
            "packages": [{"id": "a", "name": "first", "version": "1.0.0", "license": "MIT"}],
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]}, {"pkg": "d", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "b", "deps": [{"pkg": "c", "dep_kinds": [{"kind": "build"}]}]},
                {"id": "c", "deps": []}, {"id": "d", "deps": []},
            ]},
        });
        let metadata = Metadata::parse(&graph).unwrap();
        assert_eq!(metadata.closure("a"), BTreeSet::from(["a", "b", "c"]));
        assert_eq!(metadata.name("a"), "first");
        assert_eq!(metadata.packages["a"].licence.as_deref(), Some("MIT"));
    }
}
