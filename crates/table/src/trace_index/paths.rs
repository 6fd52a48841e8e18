//! [`Paths`]: the data files that a run covers, by number. They ascend, so that the same set has the same numbers
//! whoever built the run, and a merge keeps the order of what it renumbers.

use super::varint;

/// Most bytes that all paths of a run may have: they stay in memory while it is open. A million data files of ours.
pub(crate) const TEXT_BYTES_MAX: usize = 128 << 20;

/// Fewest bytes of a coded path: its four numbers.
const CODED_BYTES_MIN: usize = 4;

/// Paths relative to the table root, ascending, each once; all text in one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    text: Box<str>,
    /// Where each path ends in `text`.
    ends: Box<[u32]>,
}

impl Paths {
    /// Takes paths that ascend strictly.
    ///
    /// # Panics
    /// When they do not, or have more than [`TEXT_BYTES_MAX`].
    pub(crate) fn of_ascending<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        let mut last = None;
        for path in paths {
            assert!(last < Some(path), "paths ascend");
            last = Some(path);
            text.push_str(path);
            assert!(text.len() <= TEXT_BYTES_MAX, "paths of a run stay within a bound");
            ends.push(text.len() as u32);
        }
        Self { text: text.into(), ends: ends.into() }
    }

    /// Number of paths.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all paths.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The path of a file by its number.
    pub(crate) fn get(&self, file: u32) -> Option<&str> {
        let file = file as usize;
        let end = *self.ends.get(file)?;
        let start = if file == 0 { 0 } else { self.ends[file - 1] };
        self.text.get(start as usize..end as usize)
    }

    /// All paths, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).filter_map(|file| self.get(file))
    }

    /// Bytes of memory behind the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.len() + size_of_val(self.ends.as_ref())
    }

    /// Appends the coded form: folder and name apart, each as what it adds to the one before. Files of one flush differ
    /// by project and hash only, files of one partition by LSN and hash.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (mut last_folder, mut last_name) = ("", "");
        for path in self.iter() {
            let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
            put_addition(out, last_folder.as_bytes(), folder.as_bytes());
            put_addition(out, last_name.as_bytes(), name.as_bytes());
            (last_folder, last_name) = (folder, name);
        }
    }

    /// Decodes what [`encode`](Self::encode) wrote: `files` paths of `text_bytes` in all. `None` when it is not that.
    pub(crate) fn decode(mut coded: &[u8], files: u32, text_bytes: u32) -> Option<Self> {
        if files as usize > coded.len() / CODED_BYTES_MIN || text_bytes as usize > TEXT_BYTES_MAX {
            return None;
        }
        let (mut text, mut ends) = (Vec::new(), Vec::with_capacity(files as usize));
        let (mut last, mut last_name) = (0..0, 0);
        for file in 0..files {
            let start = text.len();
            take_addition(&mut coded, &mut text, last.start..last_name, text_bytes)?;
            let name = text.len();
            take_addition(&mut coded, &mut text, last_name..last.end, text_bytes)?;
            let path = std::str::from_utf8(&text[start..]).ok()?;
            if file > 0 && path.as_bytes() <= &text[last] {
                return None;
            }
            ends.push(text.len() as u32);
            (last, last_name) = (start..text.len(), name);
        }
        let is_whole = coded.is_empty() && text.len() == text_bytes as usize;
        let text = String::from_utf8(text).ok()?;
        is_whole.then(|| Self { text: text.into(), ends: ends.into() })
    }
}

/// Writes `text` as the number of bytes that it shares with the start of `last`, and the rest.
fn put_addition(out: &mut Vec<u8>, last: &[u8], text: &[u8]) {
    let shared = last.iter().zip(text).take_while(|(last, byte)| last == byte).count();
    varint::put(out, shared as u64);
    varint::put(out, (text.len() - shared) as u64);
    out.extend_from_slice(&text[shared..]);
}

/// Appends to `text` what [`put_addition`] wrote; `last` stands in `text` too. Stops before `text` outgrows
/// `bytes_max`.
fn take_addition(coded: &mut &[u8], text: &mut Vec<u8>, last: std::ops::Range<usize>, bytes_max: u32) -> Option<()> {
    let shared = varint::take_u32(coded)? as usize;
    let added = varint::take_u32(coded)? as usize;
    let (added, rest) = coded.split_at_checked(added)?;
    *coded = rest;
    if shared > last.len() || text.len() + shared + added.len() > bytes_max as usize {
        return None;
    }
    text.extend_from_within(last.start..last.start + shared);
    text.extend_from_slice(added);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn coded(paths: &Paths) -> Vec<u8> {
        let mut out = Vec::new();
        paths.encode(&mut out);
        out
    }

    #[test]
    fn paths_have_these_bytes() {
        let paths = Paths::of_ascending(["a/part-1", "a/part-2", "b/part-2x", "c"]);
        let mut expected = vec![0, 2];
        expected.extend_from_slice(b"a/\0\x06part-1");
        expected.extend_from_slice(b"\x02\0\x05\x012");
        expected.extend_from_slice(b"\0\x02b/\x06\x01x");
        expected.extend_from_slice(b"\0\0\0\x01c");
        assert_eq!(coded(&paths), expected);
        assert_eq!((paths.get(2), paths.get(4), paths.len()), (Some("b/part-2x"), None, 4));
    }

    #[test]
    fn numbers_that_ask_for_more_than_is_there_are_refused() {
        let one = Paths::of_ascending(["abc"]);
        assert_eq!(Paths::decode(&coded(&one), 1, 3), Some(one.clone()));
        for (files, text_bytes) in [(0, 3), (1, 2), (1, 4), (2, 3), (u32::MAX, 3), (u32::MAX, u32::MAX)] {
            assert_eq!(Paths::decode(&coded(&one), files, text_bytes), None, "{files} {text_bytes}");
        }
        // Shares more than the path before has; has a length beyond its end; does not ascend; is no UTF-8.
        assert_eq!(Paths::decode(&[0, 0, 1, 0], 1, 0), None);
        assert_eq!(Paths::decode(&[0, 0, 0, 9, b'a'], 1, 9), None);
        assert_eq!(Paths::decode(&[0, 0, 0, 1, b'a', 0, 0, 1, 0], 2, 2), None);
        assert_eq!(Paths::decode(&[0, 0, 0, 1, 0xff], 1, 1), None);
    }

    proptest! {
        #[test]
        fn paths_read_back(set: BTreeSet<String>) {
            let paths = Paths::of_ascending(set.iter().map(String::as_str));
            prop_assert!(paths.iter().eq(set.iter().map(String::as_str)));
            let text_bytes = paths.text_bytes() as u32;
            prop_assert_eq!(Paths::decode(&coded(&paths), paths.len() as u32, text_bytes), Some(paths));
        }

        #[test]
        fn nonsense_is_refused_or_ascends(
            bytes in proptest::collection::vec(0..6_u8, 0..60),
            files in 0..9_u32,
            text in 0..60_u32,
        ) {
            if let Some(paths) = Paths::decode(&bytes, files, text) {
                prop_assert!(paths.iter().is_sorted_by(|a, b| a < b));
            }
        }
    }
}
