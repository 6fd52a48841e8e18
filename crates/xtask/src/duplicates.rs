//! One version each of the packages whose types cross our crates: two would not fit together, and double the build.

use std::collections::{BTreeMap, BTreeSet};

use crate::metadata::Metadata;

/// The packages that must be there exactly once.
const ONCE: [&str; 6] = ["arrow", "arrow-array", "arrow-schema", "parquet", "object_store", "datafusion"];

/// Every package of [`ONCE`] that is missing or there in several versions, in words.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata.packages.values() {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    ONCE.iter()
        .filter_map(|name| match versions.get(name) {
            None => Some(format!("{name} is not in the graph: correct the list in xtask's duplicates.rs")),
            Some(found) if found.len() > 1 => {
                let found = found.iter().copied().collect::<Vec<_>>().join(", ");
                Some(format!("{name} is there in several versions: {found} (see `cargo tree -d`)"))
            }
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Package;

    fn graph(packages: &[(&str, &str)]) -> Metadata {
        let mut metadata = Metadata::default();
        for (name, version) in packages {
            let package = Package { name: (*name).into(), version: (*version).into(), ..Package::default() };
            metadata.packages.insert(format!("{name} {version}"), package);
        }
        metadata
    }

    #[test]
    fn a_second_arrow_is_named_with_both_versions() {
        let mut packages: Vec<_> = ONCE.iter().map(|name| (*name, "1.0.0")).collect();
        assert_eq!(violations(&graph(&packages)), [""; 0]);
        packages.push(("arrow", "2.0.0"));
        let found = violations(&graph(&packages));
        assert_eq!(found, ["arrow is there in several versions: 1.0.0, 2.0.0 (see `cargo tree -d`)"]);
    }
}
