//! [`Selection`]: which dead letters, and the SQL that asks for them. Pure.

use annals_event::{ProjectId, format_timestamp};

use crate::output::Format;

/// Characters of a record that a table shows.
const RAW_CHARS_SHOWN: u32 = 80;

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Empty means all projects.
    pub(super) projects: Vec<ProjectId>,
    /// Refused from this time on, microseconds UTC.
    pub(super) since_us: Option<i64>,
    /// Refused before this time, microseconds UTC.
    pub(super) until_us: Option<i64>,
    /// Most of them, the latest; `None` means all.
    pub(super) limit: Option<u32>,
}

impl Selection {
    /// The latest ones, with all columns for machines and the telling ones for people.
    pub(super) fn list(&self, format: Format, limit: u32) -> String {
        let columns = if format == Format::Table {
            format!(
                "refused_at, project_id as project, source, line, reason, substr(raw, 1, {RAW_CHARS_SHOWN}) as record"
            )
        } else {
            "*".to_owned()
        };
        format!("select {columns} from dead_letters{} order by refused_at desc limit {limit}", self.conditions())
    }

    /// The records themselves.
    pub(super) fn records(&self) -> String {
        let latest = self.limit.map_or(String::new(), |limit| format!(" order by refused_at desc limit {limit}"));
        format!("select project_id, bytes, truncated, raw from dead_letters{}{latest}", self.conditions())
    }

    fn conditions(&self) -> String {
        let mut conditions = Vec::new();
        if !self.projects.is_empty() {
            // A project id has no character that text in SQL would need to escape.
            let ids: Vec<_> = self.projects.iter().map(|id| format!("'{id}'")).collect();
            conditions.push(format!("project_id in ({})", ids.join(", ")));
        }
        conditions.extend(self.since_us.map(|us| format!("refused_at >= '{}'", format_timestamp(us))));
        conditions.extend(self.until_us.map(|us| format!("refused_at < '{}'", format_timestamp(us))));
        if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_becomes_conditions() {
        let all = Selection::default();
        assert_eq!(all.records(), "select project_id, bytes, truncated, raw from dead_letters");
        let some = Selection {
            projects: vec![ProjectId::new("acme").unwrap(), ProjectId::new("beta").unwrap()],
            since_us: Some(0),
            until_us: Some(1_000_000),
            limit: Some(7),
        };
        let conditions = "where project_id in ('acme', 'beta') and refused_at >= '1970-01-01T00:00:00.000000Z' \
             and refused_at < '1970-01-01T00:00:01.000000Z' order by refused_at desc limit 7";
        assert_eq!(some.records(), format!("select project_id, bytes, truncated, raw from dead_letters {conditions}"));
        assert_eq!(some.list(Format::Json, 7), format!("select * from dead_letters {conditions}"));
        assert!(some.list(Format::Table, 7).contains("substr(raw, 1, 80) as record"));
    }
}
