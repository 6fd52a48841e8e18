//! [`Runs`]: where the words of a text begin and end.

use wide::i8x16;

/// Bytes that are looked at in one go.
const CHUNK_BYTES: usize = 64;
/// Bytes whose edges are noted before their runs are told.
const WINDOW_BYTES: usize = 4_096;
/// Edges are noted eight at a time, wanted or not.
const AT_ONCE: usize = 8;

/// Finds the longest runs of word bytes. In two steps, first all edges and then their runs, as the processor then guesses few
/// jumps wrong: so do simdjson and its like.
pub(crate) struct Runs {
    /// Beginnings and ends in turn; one for each byte of a window at most, and a beginning from the window before.
    edges: Box<[u32]>,
}

impl Runs {
    pub(crate) fn new() -> Self {
        Self { edges: vec![0; 1 + WINDOW_BYTES + 1 + AT_ONCE].into_boxed_slice() }
    }

    /// The beginning and end of each run of `text`, in order. Inlined, for the processor that the caller is compiled for.
    #[inline(always)]
    pub(crate) fn for_each(&mut self, text: &[u8], mut each: impl FnMut(usize, usize)) {
        let edges = &mut self.edges[..];
        let (mut count, mut before, mut offset) = (0, 0, 0);
        for window in text.chunks(WINDOW_BYTES) {
            for chunk in window.chunks(CHUNK_BYTES) {
                let words = word_bits(chunk);
                let mut changes = words ^ (words << 1 | before);
                before = words >> (CHUNK_BYTES - 1);
                let (mut next, end) = (count, count + changes.count_ones() as usize);
                while next < end {
                    for edge in &mut edges[next..next + AT_ONCE] {
                        *edge = offset + changes.trailing_zeros();
                        changes &= changes.wrapping_sub(1);
                    }
                    next += AT_ONCE;
                }
                count = end;
                offset += CHUNK_BYTES as u32;
            }
            if offset as usize >= text.len() && before == 1 {
                edges[count] = text.len() as u32;
                count += 1;
            }
            let (runs, open) = edges[..count].as_chunks::<2>();
            runs.iter().for_each(|[start, end]| each(*start as usize, *end as usize));
            count = open.len();
            if let Some(start) = open.first().copied() {
                edges[0] = start;
            }
        }
    }
}

#[inline(always)]
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// A bit for each of up to 64 bytes, the first one lowest: whether it is a word byte.
#[inline(always)]
fn word_bits(chunk: &[u8]) -> u64 {
    let mut whole = [0_u8; CHUNK_BYTES];
    let bytes: &[u8; CHUNK_BYTES] = match chunk.first_chunk() {
        Some(bytes) => bytes,
        None => {
            whole[..chunk.len()].copy_from_slice(chunk);
            &whole
        }
    };
    let sixteens = bytes.as_chunks::<16>().0.iter();
    sixteens.rev().fold(0, |bits, sixteen| bits << 16 | u64::from(word_bits_of_sixteen(*sixteen)))
}

/// Comparisons are of signed numbers: a range is moved to where they begin.
#[inline(always)]
fn word_bits_of_sixteen(bytes: [u8; 16]) -> u32 {
    let bytes = i8x16::new(bytes.map(|byte| byte as i8));
    let are_in = |bytes: i8x16, first: u8, count: i8| {
        let moved = bytes - i8x16::splat(first.wrapping_sub(i8::MIN as u8) as i8);
        moved.simd_lt(i8x16::splat(i8::MIN + count))
    };
    let in_lower_case = bytes | i8x16::splat(0x20);
    // Beyond ASCII the highest bit is set, which is the one that is taken.
    (are_in(in_lower_case, b'a', 26) | are_in(bytes, b'0', 10) | bytes).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_judged_alike_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in [0, 1, 15, 16, 31, 47, 63] {
                let mut chunk = [b' '; CHUNK_BYTES];
                chunk[at] = byte;
                assert_eq!(word_bits(&chunk), u64::from(is_word(byte)) << at, "{byte} at {at}");
            }
        }
    }

    /// Runs that end with a chunk, go over into the next one, over a window's end, and through whole windows.
    #[test]
    fn runs_are_found_across_chunks_and_windows() {
        let mut runs = Runs::new();
        for (before, run, behind) in lengths() {
            let text = [vec![b' '; before], vec![b'x'; run], vec![b'-'; behind], b"end".to_vec()].concat();
            let mut found = Vec::new();
            runs.for_each(&text, |start, end| found.push((start, end)));
            let mut wanted = vec![(before, before + run), (text.len() - 3, text.len())];
            wanted.retain(|(start, end)| start < end);
            assert_eq!(found, wanted, "{before} bytes, {run} of a word, {behind} bytes");
        }
    }

    fn lengths() -> impl Iterator<Item = (usize, usize, usize)> {
        const LENGTHS: [usize; 14] = [0, 1, 2, 61, 62, 63, 64, 65, 127, 128, 4_095, 4_096, 4_097, 12_000];
        LENGTHS.into_iter().flat_map(|before| {
            LENGTHS.into_iter().flat_map(move |run| LENGTHS[1..].iter().map(move |behind| (before, run, *behind)))
        })
    }

    /// The most edges that a window can have.
    #[test]
    fn words_of_one_byte_all_have_room() {
        let text = b"a-".repeat(3 * WINDOW_BYTES);
        let mut found = 0;
        Runs::new().for_each(&text, |start, end| {
            assert_eq!((start, end), (2 * found, 2 * found + 1));
            found += 1;
        });
        assert_eq!(found, text.len() / 2);
    }
}
