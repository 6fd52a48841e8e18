//! The crate edges: imports run one way, and what a crate must not know it must not be built from.

use crate::metadata::Metadata;

/// Which of our crates each of them may import. Tests may import the testkit besides.
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("annals-event", &[]),
    ("annals-table", &["annals-event"]),
    ("annals-writer", &["annals-event", "annals-table"]),
    ("annals-query", &["annals-event", "annals-table"]),
    ("annals-server", &["annals-event", "annals-table", "annals-writer", "annals-query"]),
    (
        "annals-cli",
        &["annals-event", "annals-table", "annals-writer", "annals-query", "annals-server", "annals-testkit"],
    ),
    ("annals-testkit", &["annals-event", "annals-table"]),
    ("annals-xtask", &[]),
];

/// What a crate must not be built from, however far away: name prefixes of other people's packages.
const MUST_NOT_KNOW: [(&str, &[&str]); 4] = [
    ("annals-event", &["datafusion", "axum", "tonic", "delta_kernel", "parquet", "object_store", "tokio"]),
    ("annals-table", &["datafusion", "axum", "tonic"]),
    ("annals-writer", &["datafusion", "axum", "tonic"]),
    ("annals-query", &["axum", "tonic"]),
];

/// The packages of the workspace that may import anything.
const FREE: [&str; 2] = ["annals-tests", "annals-benches"];

/// Every edge that breaks a rule, in words.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for id in &metadata.members {
        let name = metadata.name(id);
        if FREE.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(member, _)| *member == name) else {
            found.push(format!("{name} has no rule: say in xtask's edges.rs what it may import"));
            continue;
        };
        let package = &metadata.packages[id];
        for (edges, tests) in [(&package.normal, false), (&package.dev, true)] {
            for imported in edges.iter().filter(|id| metadata.members.contains(*id)).map(|id| metadata.name(id)) {
                let granted = allowed.contains(&imported) || (tests && imported == "annals-testkit");
                if !granted {
                    found.push(format!("{name} must not import {imported}"));
                }
            }
        }
        for (_, banned) in MUST_NOT_KNOW.iter().filter(|(member, _)| *member == name) {
            for known in metadata.closure(id).into_iter().map(|id| metadata.name(id)) {
                if banned.iter().any(|prefix| known.starts_with(prefix)) {
                    found
                        .push(format!("{name} must not be built from {known} (see `cargo tree -p {name} -i {known}`)"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metadata::Package;

    fn graph(edges: &[(&str, &[&str], &[&str])]) -> Metadata {
        let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut metadata = Metadata::default();
        for (name, normal, dev) in edges {
            let package =
                Package { name: (*name).to_owned(), normal: ids(normal), dev: ids(dev), ..Package::default() };
            metadata.packages.insert((*name).to_owned(), package);
            if name.starts_with("annals-") {
                metadata.members.insert((*name).to_owned());
            }
        }
        metadata
    }

    #[test]
    fn the_writer_may_not_import_the_query_crate() {
        let metadata = graph(&[
            ("annals-writer", &["annals-query"], &["annals-testkit"]),
            ("annals-query", &[], &[]),
            ("annals-testkit", &[], &[]),
        ]);
        assert_eq!(violations(&metadata), ["annals-writer must not import annals-query"]);
    }

    #[test]
    fn the_table_may_not_reach_datafusion_through_another_package() {
        let metadata = graph(&[
            ("annals-table", &["middle"], &[]),
            ("middle", &["datafusion-common"], &[]),
            ("datafusion-common", &[], &[]),
        ]);
        assert_eq!(violations(&metadata).len(), 1);
    }

    #[test]
    fn a_new_member_needs_a_rule() {
        assert_eq!(violations(&graph(&[("annals-new", &[], &[])])).len(), 1);
    }
}
