//! What is read for a range, and that nothing damaged passes.

#![expect(clippy::single_range_in_vec_init, reason = "lists of ranges, some of one")]

use proptest::prelude::*;

use super::*;
use crate::checksum::{BLOCK_BYTES, CHECKSUMS_KEY, RunningSums, seal_tail};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// Bytes that end as a Parquet file of ours does: `data`, page indexes, and a footer with the sums in its midst.
fn file(data_bytes: usize) -> Vec<u8> {
    file_of(data_bytes, RunningSums::default())
}

/// The same, with sums as these begin.
fn file_of(data_bytes: usize, mut sums: RunningSums) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..data_bytes).map(|at| (at * 31 + at / 251) as u8).collect();
    let mut rest = bytes.as_slice();
    for piece in [1, 1_000, 70_000, 3].into_iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(piece));
        sums.update(now);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    bytes.extend_from_slice(b"page indexes");
    let footer = format!("statistics {CHECKSUMS_KEY} {} more", sums.footer_value());
    bytes.extend_from_slice(footer.as_bytes());
    bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    bytes.extend_from_slice(b"PAR1");
    let len = bytes.len() as u64;
    // Not where the sums cannot be read.
    seal_tail(&mut bytes, len);
    bytes
}

fn sums_of(bytes: &[u8]) -> BlockSums {
    let mut start = bytes.len() - 8;
    loop {
        match BlockSums::of_end(&bytes[start..], bytes.len() as u64).unwrap() {
            FileEnd::Checked(sums) => return sums,
            FileEnd::NeedsFrom(offset) => {
                assert!(offset < start as u64, "it asks for less and less");
                start = offset as usize;
            }
        }
    }
}

/// Reads `range` as a reader does.
fn read(sums: &BlockSums, bytes: &[u8], range: Range<u64>) -> Result<Vec<u8>, Damage> {
    let mut found = None;
    for part in sums.widen(std::slice::from_ref(&range)) {
        let part_bytes = &bytes[part.start as usize..part.end as usize];
        sums.check(part.start, part_bytes)?;
        if part.start <= range.start && range.end <= part.end {
            found = Some(part_bytes[(range.start - part.start) as usize..(range.end - part.start) as usize].to_vec());
        }
    }
    Ok(found.unwrap_or_default())
}

/// As the first files had them.
#[test]
fn a_file_with_blocks_of_another_length_is_read_by_those() {
    const FIRST: usize = 64 << 10;
    let bytes = file_of(2 * FIRST + 100, RunningSums::of_blocks(FIRST));
    let sums = sums_of(&bytes);
    assert_eq!(sums.widen(&[1..2, 70_000..70_010]), [0..FIRST as u64, FIRST as u64..2 * FIRST as u64]);
    assert_eq!(read(&sums, &bytes, 70_000..70_010).unwrap(), bytes[70_000..70_010]);
    let mut damaged = bytes.clone();
    damaged[FIRST] ^= 1;
    assert_eq!(read(&sums, &damaged, 70_000..70_010), Err(Damage::Block(FIRST as u64..2 * FIRST as u64)));
    // No power of two, too small and too large.
    for block_bytes in [12_288, 2_048, 2 << 20] {
        let bytes = file_of(3 * FIRST, RunningSums::of_blocks(block_bytes));
        assert_eq!(BlockSums::of_end(&bytes, bytes.len() as u64), Err(Damage::Footer), "{block_bytes}");
    }
}

#[test]
fn ranges_are_widened_to_blocks_and_share_them() {
    let bytes = file(3 * BLOCK_BYTES + 100);
    let (sums, end) = (sums_of(&bytes), bytes.len() as u64);
    let data_end = 3 * BLOCK + 100;
    assert_eq!(sums.data_end(), data_end);
    let wide = |ranges: &[Range<u64>]| sums.widen(ranges);
    assert_eq!(wide(&[5..6]), [0..BLOCK]);
    assert_eq!(wide(&[BLOCK - 1..BLOCK + 1]), [0..2 * BLOCK]);
    assert_eq!(wide(&[BLOCK..2 * BLOCK, 3..4]), [0..BLOCK, BLOCK..2 * BLOCK]);
    assert_eq!(wide(&[10..20, 30..BLOCK + 5, BLOCK + 6..BLOCK + 7]), [0..2 * BLOCK]);
    assert_eq!(wide(&[3 * BLOCK + 1..3 * BLOCK + 2]), [3 * BLOCK..data_end]);
    assert_eq!(wide(&[data_end..data_end + 1, end - 1..end]), [data_end..end]);
    assert_eq!(wide(&[2 * BLOCK + 9..data_end + 1]), [2 * BLOCK..end]);
    assert!(wide(&[]).is_empty() && wide(&[7..7]).is_empty());
    assert_eq!((sums.next_start(1), sums.next_start(BLOCK), sums.next_start(3 * BLOCK + 1)), (BLOCK, BLOCK, data_end));
}

#[test]
fn large_ranges_that_share_a_block_are_read_apart() {
    let half = JOINED_BYTES_MAX / 4 * 3;
    let bytes = file(2 * half as usize + 9);
    let sums = sums_of(&bytes);
    let parts = sums.widen(&[0..half + 1, half + 1..2 * half]);
    assert_eq!(parts, [0..half + BLOCK, half..2 * half]);
    for part in parts {
        sums.check(part.start, &bytes[part.start as usize..part.end as usize]).unwrap();
    }
}

#[test]
fn a_part_that_no_sum_covers_is_not_passed() {
    let bytes = file(2 * BLOCK_BYTES + 9);
    let sums = sums_of(&bytes);
    for part in [1..BLOCK_BYTES, 0..BLOCK_BYTES - 1, 0..bytes.len() - 1, 2 * BLOCK_BYTES + 10..bytes.len()] {
        assert!(sums.check(part.start as u64, &bytes[part.clone()]).is_err(), "{part:?}");
    }
}

#[test]
fn an_end_without_sums_is_damaged() {
    assert_eq!(BlockSums::of_end(b"", 0), Err(Damage::Footer));
    assert_eq!(BlockSums::of_end(b"PAR1", 4), Err(Damage::Footer));
    assert_eq!(BlockSums::of_end(b"\0\0\0\0PAR1", 8), Err(Damage::Footer));
    // A length of nearly 4 GiB asks for nothing.
    let end = [0xf0, 0xff, 0xff, 0xff, b'P', b'A', b'R', b'1'];
    assert_eq!(BlockSums::of_end(&end, 8 << 30), Err(Damage::Footer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_is_read_is_what_was_written_or_an_error(
        data_bytes in 0..4 * BLOCK_BYTES,
        from: prop::sample::Index,
        to: prop::sample::Index,
        damaged: prop::sample::Index,
        bit in 0..8_u32,
        first in 1..200_000_usize,
    ) {
        let whole = file(data_bytes);
        let (a, b) = (from.index(whole.len() + 1) as u64, to.index(whole.len() + 1) as u64);
        let range = a.min(b)..a.max(b);
        let wanted = whole[range.start as usize..range.end as usize].to_vec();
        prop_assert_eq!(&read(&sums_of(&whole), &whole, range.clone()).unwrap(), &wanted);

        let mut bytes = whole.clone();
        let at = damaged.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // Damage before the sums are read, and after.
        let sums = sums_of(&whole);
        let later = read(&sums, &bytes, range.clone());
        let touched = sums.widen(std::slice::from_ref(&range)).iter().any(|part| part.contains(&(at as u64)));
        // The digits of the tail's sum are not under it; whoever has it does not look at them again.
        if !sums.tail_digits.contains(&(at as u64)) {
            prop_assert_eq!(later.is_err(), touched);
        }
        if !touched {
            prop_assert_eq!(later.unwrap(), wanted);
        }
        let mut start = bytes.len().saturating_sub(first);
        let opened = loop {
            match BlockSums::of_end(&bytes[start..], bytes.len() as u64) {
                Ok(FileEnd::NeedsFrom(offset)) => start = offset as usize,
                opened => break opened,
            }
        };
        prop_assert_eq!(opened.is_err(), at >= data_bytes);
    }
}
