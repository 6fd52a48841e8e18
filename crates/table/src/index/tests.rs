//! Tests of the file index, against a plain list of files.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn file(project: u8, day: u8, name: u8) -> DataFile {
    let project_id = ProjectId::new(&format!("p{project}")).unwrap();
    let day = Day::from_days(20_000 + i32::from(day));
    let min_timestamp_us = day.start_us() + i64::from(name) * 1_000_000;
    DataFile {
        path: format!("project_id={project_id}/day={day}/{name:03}.parquet"),
        project_id,
        day,
        bytes: u64::from(name),
        rows: 1 + u64::from(name),
        min_timestamp_us,
        max_timestamp_us: min_timestamp_us + 500_000,
        modified_ms: 0,
        origin: None,
    }
}

fn index(files: &[DataFile]) -> FileIndex {
    FileIndex::empty().with([], files.iter().cloned().map(Arc::new))
}

fn paths(index: &FileIndex, filter: &FileFilter) -> Vec<String> {
    index.files(filter).iter().map(|file| file.path.clone()).collect()
}

#[test]
fn a_change_shares_what_it_leaves_alone() {
    let before = index(&[file(1, 1, 1), file(1, 2, 1), file(2, 1, 1)]);
    let after = before.with([], [Arc::new(file(1, 2, 2))]);
    let project = |index: &FileIndex, id: &str| Arc::clone(&index.projects[id]);
    assert!(Arc::ptr_eq(&project(&before, "p2"), &project(&after, "p2")));
    assert!(!Arc::ptr_eq(&project(&before, "p1"), &project(&after, "p1")));
    let day = Day::from_days(20_001);
    assert!(Arc::ptr_eq(&project(&before, "p1").days[&day], &project(&after, "p1").days[&day]));
    assert_eq!((before.totals().files, after.totals().files), (3, 4));
}

#[test]
fn an_added_file_replaces_the_one_at_its_path() {
    let newer = DataFile { rows: 99, ..file(1, 1, 1) };
    let after = index(&[file(1, 1, 0), file(1, 1, 1), file(1, 1, 2)]).with([], [Arc::new(newer.clone())]);
    assert_eq!(after.find(&newer.path).unwrap().rows, 99);
    assert_eq!((after.totals().files, after.totals().rows), (3, 1 + 99 + 3));
}

#[test]
fn partitions_without_files_vanish() {
    let gone = file(1, 1, 1);
    let after = index(&[gone.clone(), file(1, 2, 1), file(2, 1, 1)]).with([gone.path.as_str()], []);
    assert_eq!(after.days(&gone.project_id).map(|(day, _)| day.days()).collect::<Vec<_>>(), [20_002]);
    let after = after.with([file(1, 2, 1).path.as_str(), "project_id=p1/day=2024-10-05/absent.parquet"], []);
    assert_eq!(after.projects().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["p2"]);
    let empty = after.with([file(2, 1, 1).path.as_str()], []);
    assert_eq!((empty.totals(), empty.projects().count()), (&Totals::EMPTY, 0));
}

#[test]
fn a_path_that_names_no_partition_is_found_and_removed() {
    let stray = DataFile { path: "7f3c/data.parquet".into(), ..file(1, 1, 1) };
    let with = index(&[file(1, 1, 1), stray.clone()]);
    assert_eq!(with.find("7f3c/data.parquet").map(|file| file.path.as_str()), Some("7f3c/data.parquet"));
    assert_eq!(with.with(["7f3c/data.parquet"], []).totals().files, 1);
}

#[test]
fn a_time_range_rules_out_files_and_an_empty_one_all() {
    let files = index(&[file(1, 1, 1), file(1, 1, 9), file(1, 2, 1), file(2, 1, 1)]);
    let start = Day::from_days(20_001).start_us();
    let within = |time_us| paths(&files, &FileFilter { projects: None, time_us });
    assert_eq!(within(start..=start + 1_500_000), vec![file(1, 1, 1).path, file(2, 1, 1).path]);
    assert_eq!(within(start + 1_500_001..=start + 8_999_999), Vec::<String>::new());
    assert_eq!(within(start + 9_000_000..=i64::MAX), vec![file(1, 1, 9).path, file(1, 2, 1).path]);
    assert_eq!(within(i64::MIN..=start), Vec::<String>::new());
    assert_eq!(within(std::ops::RangeInclusive::new(start + 1, start)), Vec::<String>::new());
    assert_eq!(within(i64::MIN..=i64::MAX).len(), 4);
}

proptest! {
    #[test]
    fn any_history_gives_the_index_of_its_live_files(
        changes in prop::collection::vec(
            (prop::collection::vec((0u8..4, 0u8..4, 0u8..6), 0..6), prop::collection::vec((0u8..4, 0u8..4, 0u8..6), 0..6)),
            0..12,
        ),
        projects in prop::option::of(prop::collection::vec(0u8..5, 0..4)),
        from in 0i64..5,
        days in 0i64..5,
    ) {
        let mut model = BTreeMap::new();
        let mut tested = FileIndex::empty();
        for (removed, added) in changes {
            let removed: Vec<_> = removed.into_iter().map(|(p, d, n)| file(p, d, n).path).collect();
            let added: BTreeMap<_, _> = added.into_iter().map(|(p, d, n)| (file(p, d, n).path, file(p, d, n))).collect();
            tested = tested.with(removed.iter().map(String::as_str), added.values().cloned().map(Arc::new));
            model.retain(|path, _| !removed.contains(path));
            model.extend(added);
        }
        let start = Day::from_days(20_000).start_us() + from * annals_event::DAY_US;
        let filter = FileFilter {
            projects: projects.map(|ids| ids.into_iter().map(|id| ProjectId::new(&format!("p{id}")).unwrap()).collect()),
            time_us: start..=start + days * annals_event::DAY_US,
        };
        let wanted = |file: &&DataFile| {
            filter.projects.as_ref().is_none_or(|ids| ids.contains(&file.project_id))
                && file.min_timestamp_us <= *filter.time_us.end()
                && file.max_timestamp_us >= *filter.time_us.start()
        };
        let expected: Vec<_> = model.values().filter(wanted).map(|file| file.path.clone()).collect();
        prop_assert_eq!(paths(&tested, &filter), expected);
        let mut totals = Totals::EMPTY;
        model.values().for_each(|file| totals.add_file(file));
        prop_assert_eq!(tested.totals(), &totals);
        for file in model.values() {
            prop_assert_eq!(tested.find(&file.path).map(|found| found.rows), Some(file.rows));
        }
    }
}
