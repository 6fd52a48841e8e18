//! What must hold for every name of a file that a listing may bring: seeded mutations of `tests/corpus`.

use annals_testkit::Fuzz;

use crate::file_name::DataFileName;

#[test]
fn fuzzed_file_names_are_ours_or_another_programs() {
    let fuzz =
        Fuzz { promise: 18, what: "names of data files, mutated", corpus: "file_name", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        let name = text.rsplit('/').next().unwrap_or_default();
        match DataFileName::of_path(&text) {
            Some(read) if read.to_string() == name && read.first_lsn <= read.last_lsn => Ok(()),
            Some(read) => Err(format!("{text:?} was read as {read}")),
            None => Ok(()),
        }
    });
}
