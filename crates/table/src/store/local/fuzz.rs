//! No object's path leaves the root, however it is written: seeded mutations of `tests/corpus`.

use std::path::Component;

use annals_testkit::Fuzz;

use super::*;
use crate::fs::OsFileSystem;

#[test]
fn fuzzed_object_paths_stay_below_the_root() {
    let fuzz = Fuzz { promise: 18, what: "paths of objects, mutated", corpus: "object_path", cases: (10_000, 100_000) };
    let store = LocalStore::new(Arc::new(OsFileSystem), PathBuf::from("/store"));
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        // Both ways in which a path is made of text: cleaned, and refused where it is not clean.
        for path in [Some(Path::from(text.as_ref())), Path::parse(&text).ok()].into_iter().flatten() {
            let Ok(file) = store.file_of(&path) else { continue };
            let below = file.strip_prefix("/store").map_err(|_| format!("{text:?} becomes {}", file.display()))?;
            let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
            let ours = below.components().any(|part| part.as_os_str().to_string_lossy().starts_with(RESERVED_PREFIX));
            if !plain || ours || file.as_os_str().as_encoded_bytes().contains(&0) {
                return Err(format!("{text:?} becomes {}", file.display()));
            }
        }
        Ok(())
    });
}
