//! No damage makes a run answer other than it did: it is an error, or lies where nobody looked.

use super::*;

/// A run of three blocks and a few files, and fingerprints in and beside each block.
fn small_run() -> (Vec<u8>, Vec<u64>) {
    let mut state = 3;
    let rows: Vec<Row> = (0..900)
        .map(|at| (random(&mut state), format!("project_id=p{}/part-{}.parquet", at % 2, at % 7), at % 70))
        .collect();
    let run = build(&rows);
    let head = open(&run).unwrap();
    assert!((3..=4).contains(&(head.blocks_bytes() / 4_096)) && (5..30).contains(&head.files()), "{}", head.files());
    let mut asked: Vec<u64> = rows.iter().map(|row| row.0).collect();
    asked.sort_unstable();
    let asked = asked.into_iter().step_by(300).flat_map(|fingerprint| [fingerprint, fingerprint + 1]).collect();
    (run, asked)
}

type Answers = Vec<BTreeSet<(String, u32)>>;

fn answers(run: &[u8], asked: &[u64]) -> Answers {
    let head = open(run).unwrap();
    asked.iter().map(|fingerprint| look_up(run, &head, *fingerprint).unwrap()).collect()
}

/// Whether the run still opens; every answer it gives must be the expected one.
fn opens_and_answers_nothing_else(run: &[u8], asked: &[u64], expected: &Answers) -> bool {
    let Ok(head) = open(run) else { return false };
    for (fingerprint, expected) in asked.iter().zip(expected) {
        if let Ok(answer) = look_up(run, &head, *fingerprint) {
            assert_eq!(&answer, expected);
        }
    }
    true
}

#[test]
fn no_flipped_bit_changes_an_answer() {
    let (mut run, asked) = small_run();
    let expected = answers(&run, &asked);
    let blocks_end = open(&run).unwrap().blocks_bytes() as usize;
    for bit in 0..run.len() * 8 {
        run[bit / 8] ^= 1 << (bit % 8);
        let opens = opens_and_answers_nothing_else(&run, &asked, &expected);
        assert_eq!(opens, bit / 8 < blocks_end, "bit {bit}: the end is checked as a run is opened");
        run[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_flipped_bit_in_a_block_is_named_when_it_is_read() {
    let (mut run, _) = small_run();
    let head = open(&run).unwrap();
    let whole = run.clone();
    for bit in (0..head.blocks_bytes() as usize * 8).step_by(13) {
        run[bit / 8] ^= 1 << (bit % 8);
        let start = bit as u64 / 8 / 4_096 * 4_096;
        let mut out = Vec::new();
        let inputs = [&whole, &run].map(|run| MergeInput { head: &head, next_part: parts(run, &head, 2) });
        let failed = merge(inputs.into(), |_| true, into_vec(&mut out));
        let Err(MergeError::Damaged { input, damage }) = failed else { panic!("{failed:?}") };
        assert_eq!((input, damage), (1, Damage::Block(start..start + 4_096)));
        run[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn no_truncated_or_longer_run_opens() {
    let (run, _) = small_run();
    for len in 0..run.len() {
        assert!(open(&run[..len]).is_err(), "{len} bytes");
        assert!(open(&run[run.len() - len..]).is_err(), "the last {len} bytes");
        // The object is as long as it was, and what came of it is not.
        match RunHead::of_end(&run[run.len() - len..], run.len() as u64) {
            Ok(RunEnd::NeedsFrom(offset)) => assert!(offset < (run.len() - len) as u64),
            Ok(RunEnd::Head(_)) => assert!(len as u64 >= run.len() as u64 - open(&run).unwrap().blocks_bytes()),
            Err(damage) => panic!("{damage}"),
        }
        assert!(RunHead::of_end(&run, len as u64).is_err(), "more bytes than the run has");
    }
    let mut longer = run.clone();
    longer.push(0);
    assert!(open(&longer).is_err());
    longer.splice(0..0, [0; 4_096]);
    longer.pop();
    assert_eq!(open(&longer), Err(Damage::Footer), "a block too many");
}

#[test]
fn blocks_that_stand_elsewhere_are_refused() {
    let (run, asked) = small_run();
    let expected = answers(&run, &asked);
    let head = open(&run).unwrap();
    let mut swapped = run.clone();
    swapped[..8_192].rotate_left(4_096);
    assert!(opens_and_answers_nothing_else(&swapped, &asked, &expected));
    assert!(asked.iter().any(|fingerprint| look_up(&swapped, &head, *fingerprint).is_err()));
    // The same block of another run has a sum that fits.
    let other = build(&(0..900).map(|at| (at << 50, "a".into(), 0)).collect::<Vec<_>>());
    let range = head.blocks_for(asked[0]).unwrap();
    assert_eq!(range, 0..4_096);
    assert_eq!(head.find(0, &other[..4_096], asked[0]), Err(Damage::Block(0..4_096)));
}

#[test]
fn a_merge_refuses_parts_that_are_not_all_blocks() {
    let (run, _) = small_run();
    let head = open(&run).unwrap();
    let blocks = Bytes::copy_from_slice(&run[..head.blocks_bytes() as usize]);
    let end = blocks.len();
    let damage_of = |ends: &[usize]| {
        let (mut start, mut ends) = (0, ends.iter());
        let next_part = || {
            let part = ends.next().map(|end| Bytes::copy_from_slice(&run[start..*end]));
            start += part.as_ref().map_or(0, Bytes::len);
            Ok(part)
        };
        match merge(vec![MergeInput { head: &head, next_part }], |_| true, |_| Ok(())) {
            Err(MergeError::Damaged { input: 0, damage }) => Some(damage),
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        }
    };
    assert_eq!(damage_of(&[4_096, end]), None);
    assert_eq!(damage_of(&[4_096, end, end + 4_096]), None, "nobody asks behind the last block");
    assert_eq!(damage_of(&[]), Some(Damage::Block(0..4_096)));
    assert_eq!(damage_of(&[4_096]), Some(Damage::Block(4_096..8_192)));
    assert_eq!(damage_of(&[4_096, 4_096]), Some(Damage::Block(4_096..8_192)));
    assert_eq!(damage_of(&[5_000, end]), Some(Damage::Block(0..5_000)));
    assert_eq!(damage_of(&[4_096, run.len()]), Some(Damage::Block(4_096..end as u64)));
}

/// Puts sums that fit into a run that was changed.
fn reseal(run: &mut [u8]) {
    let close = run.len() - 40;
    let field =
        |run: &[u8], at: usize| u32::from_le_bytes(run[close + at..close + at + 4].try_into().unwrap()) as usize;
    let blocks = field(run, 8).min(close / 4_096);
    for number in 0..blocks {
        let block = &mut run[number * 4_096..][..4_096];
        let sum = crc32c::crc32c_append(crc32c::crc32c(&(number as u32).to_le_bytes()), &block[4..]);
        block[..4].copy_from_slice(&sum.to_le_bytes());
    }
    let listing = crc32c::crc32c(&run[blocks * 4_096..close]);
    run[close + 24..close + 28].copy_from_slice(&listing.to_le_bytes());
    let fields = crc32c::crc32c(&run[close..close + 28]);
    run[close + 28..close + 32].copy_from_slice(&fields.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Sums do not stand in for care: nonsense under sums that fit is refused, or read as some run.
    #[test]
    fn nonsense_under_sums_that_fit_does_no_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..4),
    ) {
        let (mut run, asked) = small_run();
        let blocks_end = open(&run).unwrap().blocks_bytes() as usize;
        for (at, byte, in_blocks) in changes {
            let at = if in_blocks { at.index(blocks_end) } else { blocks_end + at.index(run.len() - blocks_end) };
            run[at] = byte;
        }
        reseal(&mut run);
        if let Ok(head) = open(&run) {
            for fingerprint in asked {
                let _ = look_up(&run, &head, fingerprint);
            }
            let inputs = vec![MergeInput { head: &head, next_part: parts(&run, &head, 1) }];
            let mut out = Vec::new();
            match merge(inputs, |_| true, into_vec(&mut out)) {
                Ok(written) => prop_assert_eq!(written.head.entries(), head.entries()),
                Err(MergeError::Damaged { .. }) => {}
                Err(MergeError::Failed(error)) => prop_assert!(false, "{error}"),
            }
        }
    }
}
