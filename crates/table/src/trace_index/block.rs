//! Blocks of a run: 4,096 bytes each, judged and decoded each by itself. Entries ascend by (fingerprint, file, segment)
//! and are stored as differences. Bytes: `FORMAT.md`, 'Trace index'.

use std::ops::Range;

use super::varint;
use crate::checksum::Damage;

/// Bytes of every block.
pub(crate) const BLOCK_BYTES: usize = 4_096;

/// Bytes of the sum, which covers the block's number and the rest of the block.
const SUM_BYTES: usize = 4;
/// The sum, the number of entries (2 bytes), the first fingerprint (8 bytes).
const HEAD_BYTES: usize = SUM_BYTES + 2 + 8;

/// One entry of a run: a trace has rows in a segment of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    /// Of the trace id.
    pub(crate) fingerprint: u64,
    /// Number of the file within the run: its place among the paths, which ascend.
    pub(crate) file: u32,
    /// Number of the segment within the file.
    pub(crate) segment: u32,
}

/// A block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    /// The block so far; empty, or its head and entries. Sum and count are set when it is sealed.
    bytes: Vec<u8>,
    count: u16,
    last: Option<Entry>,
}

impl OpenBlock {
    /// Appends an entry, which is above all before; `false` when it has no room, and the block is as it was.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        let before = self.bytes.len();
        if let Some(last) = self.last {
            put_difference(&mut self.bytes, last, entry);
        } else {
            self.bytes.resize(HEAD_BYTES - 8, 0);
            self.bytes.extend_from_slice(&entry.fingerprint.to_le_bytes());
            varint::put(&mut self.bytes, entry.file.into());
            varint::put(&mut self.bytes, entry.segment.into());
        }
        if self.bytes.len() > BLOCK_BYTES {
            self.bytes.truncate(before);
            return false;
        }
        self.count += 1;
        self.last = Some(entry);
        true
    }

    /// Whether nothing was pushed since the last seal.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hands the finished block, the run's `number`th, to `take` and starts the next.
    pub(crate) fn seal<T>(&mut self, number: u32, take: impl FnOnce(&[u8]) -> T) -> T {
        self.bytes.resize(BLOCK_BYTES, 0);
        self.bytes[SUM_BYTES..SUM_BYTES + 2].copy_from_slice(&self.count.to_le_bytes());
        let sum = sum(&self.bytes, number);
        self.bytes[..SUM_BYTES].copy_from_slice(&sum.to_le_bytes());
        let taken = take(&self.bytes);
        self.bytes.clear();
        (self.count, self.last) = (0, None);
        taken
    }
}

/// Checks `block`, the run's `number`th, and decodes it into `entries` in place of what was there: at least one,
/// ascending.
///
/// # Errors
/// When the bytes are not a block that was written as this one.
pub(crate) fn decode_block(block: &[u8], number: u32, entries: &mut Vec<Entry>) -> Result<(), Damage> {
    entries.clear();
    read_entries(block, number, entries).ok_or_else(|| Damage::Block(block_range(number)))
}

/// Where the run's `number`th block stands.
pub(crate) fn block_range(number: u32) -> Range<u64> {
    let start = u64::from(number) * BLOCK_BYTES as u64;
    start..start + BLOCK_BYTES as u64
}

fn read_entries(block: &[u8], number: u32, entries: &mut Vec<Entry>) -> Option<()> {
    let (head, mut rest) = block.split_at_checked(HEAD_BYTES)?;
    let (stored_sum, head) = head.split_at(SUM_BYTES);
    let (count, fingerprint) = head.split_at(2);
    if block.len() != BLOCK_BYTES || stored_sum != sum(block, number).to_le_bytes() {
        return None;
    }
    let count = u16::from_le_bytes(count.try_into().ok()?);
    let fingerprint = u64::from_le_bytes(fingerprint.try_into().ok()?);
    let mut last = Entry { fingerprint, file: varint::take_u32(&mut rest)?, segment: varint::take_u32(&mut rest)? };
    entries.push(last);
    for _ in 1..count {
        last = take_difference(&mut rest, last)?;
        entries.push(last);
    }
    (count > 0 && rest.iter().all(|byte| *byte == 0)).then_some(())
}

/// Writes `entry` by how it differs from `last`, which is below it: what comes behind a difference is absolute.
fn put_difference(out: &mut Vec<u8>, last: Entry, entry: Entry) {
    let (fingerprint, same_trace) = (entry.fingerprint - last.fingerprint, entry.fingerprint == last.fingerprint);
    let (file, same_file) =
        if same_trace { (entry.file - last.file, entry.file == last.file) } else { (entry.file, false) };
    let segment = if same_file { entry.segment - last.segment } else { entry.segment };
    varint::put(out, fingerprint);
    varint::put(out, file.into());
    varint::put(out, segment.into());
}

/// Reads what [`put_difference`] wrote; `None` also when the entry is not above `last`.
fn take_difference(bytes: &mut &[u8], last: Entry) -> Option<Entry> {
    let fingerprint = last.fingerprint.checked_add(varint::take(bytes)?)?;
    let (file, segment) = (varint::take_u32(bytes)?, varint::take_u32(bytes)?);
    let entry = if fingerprint != last.fingerprint {
        Entry { fingerprint, file, segment }
    } else if file != 0 {
        Entry { fingerprint, file: last.file.checked_add(file)?, segment }
    } else {
        Entry { fingerprint, file: last.file, segment: last.segment.checked_add(segment)? }
    };
    (entry > last).then_some(entry)
}

/// The sum of a block. It covers the number, so that a block read from the wrong place does not pass.
fn sum(block: &[u8], number: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), &block[SUM_BYTES..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(entries: &[Entry], number: u32) -> Vec<u8> {
        let mut open = OpenBlock::default();
        assert!(entries.iter().all(|entry| open.push(*entry)));
        open.seal(number, <[u8]>::to_vec)
    }

    fn entry(fingerprint: u64, file: u32, segment: u32) -> Entry {
        Entry { fingerprint, file, segment }
    }

    #[test]
    fn a_block_has_these_bytes() {
        let block = sealed(&[entry(0x0102, 3, 4), entry(0x0102, 3, 6), entry(0x0102, 5, 1), entry(0x0202, 0, 300)], 7);
        let head = [4, 0, 2, 1, 0, 0, 0, 0, 0, 0];
        let entries = [3, 4, 0, 0, 2, 0, 2, 1, 0x80, 2, 0, 0xac, 2];
        assert_eq!(block[4..14], head);
        assert_eq!(block[14..27], entries);
        assert!(block.len() == BLOCK_BYTES && block[27..].iter().all(|byte| *byte == 0));
        let mut covered = 7_u32.to_le_bytes().to_vec();
        covered.extend_from_slice(&block[4..]);
        assert_eq!(block[..4], crc32c::crc32c(&covered).to_le_bytes());
    }

    #[test]
    fn a_full_block_refuses_and_starts_anew() {
        let mut open = OpenBlock::default();
        let mut pushed = 0;
        while open.push(entry(u64::MAX, 0, pushed)) {
            pushed += 1;
        }
        assert_eq!(pushed as usize, 1 + (BLOCK_BYTES - HEAD_BYTES - 2) / 3);
        let mut entries = Vec::new();
        decode_block(&open.seal(0, <[u8]>::to_vec), 0, &mut entries).unwrap();
        assert_eq!(entries.len(), pushed as usize);
        assert_eq!(entries.last(), Some(&entry(u64::MAX, 0, pushed - 1)));
        assert!(open.is_empty() && open.push(entry(1, 0, 0)));
    }

    #[test]
    fn a_block_passes_only_whole_and_at_its_place() {
        let block = sealed(&[entry(1, 2, 3), entry(4, 5, 6)], 9);
        let mut entries = Vec::new();
        let damaged = Err(Damage::Block(9 * 4_096..10 * 4_096));
        for at in 0..block.len() {
            let mut changed = block.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(decode_block(&changed, 9, &mut entries), damaged, "byte {at}");
            assert_eq!(decode_block(&block[..at], 9, &mut entries), damaged, "cut at {at}");
        }
        assert!(decode_block(&block, 8, &mut entries).is_err());
        assert!(decode_block(&[], 9, &mut entries).is_err());
        assert_eq!(decode_block(&block, 9, &mut entries), Ok(()));
    }

    proptest! {
        /// What follows a sum that fits is still not believed.
        #[test]
        fn sealed_nonsense_is_refused_or_ascends(
            count in 0..2_000_u16,
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), BLOCK_BYTES - 6),
                proptest::collection::vec(0..3_u8, BLOCK_BYTES - 6),
            ],
            zeros_from in 0..BLOCK_BYTES,
        ) {
            let mut block = vec![0; 4];
            block.extend_from_slice(&count.to_le_bytes());
            block.extend_from_slice(&body);
            block[zeros_from.max(6)..].fill(0);
            let sum = sum(&block, 0);
            block[..4].copy_from_slice(&sum.to_le_bytes());
            let mut entries = Vec::new();
            if decode_block(&block, 0, &mut entries).is_ok() {
                prop_assert_eq!(entries.len(), usize::from(count));
                prop_assert!(entries.is_sorted_by(|a, b| a < b));
            }
        }

        #[test]
        fn entries_read_back(
            set in proptest::collection::btree_set(
                (prop_oneof![any::<u64>(), 0..3_u64], 0..4_u32, prop_oneof![any::<u32>(), 0..5_u32]),
                1..150,
            ),
            number: u32,
        ) {
            let written: Vec<_> = set.into_iter().map(|(trace, file, segment)| entry(trace, file, segment)).collect();
            let mut entries = vec![entry(0, 0, 0)];
            prop_assert_eq!(decode_block(&sealed(&written, number), number, &mut entries), Ok(()));
            prop_assert_eq!(entries, written);
        }
    }
}
