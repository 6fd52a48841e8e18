//! [`Token`]: what a text is indexed by, and which tokens a text must hold that contains another.
//!
//! A *word byte* is an ASCII letter or digit, or any byte of a character beyond ASCII. A token is a longest run of them, 2 to 128
//! bytes long, in which ASCII letters count the same in either case; one of digits alone has at least four. The inner groups of
//! UUIDs, four hexadecimal digits between hyphens, are left out one by one: three in each, they were a quarter of all tokens, and as
//! most of the 65,536 are in every segment they would rule out nothing. The three together are a token, which is what a pattern
//! with a UUID in its middle is sure of. JSON text is read as it is stored, so a run may begin with the letters of an escape
//! (`\n`, `\u003c`): what follows these is a token too.

use annals_event::columns;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::runs::{Runs, is_word};

/// Shortest and longest token, and the shortest one of digits alone, in bytes.
const BYTES_MIN: usize = 2;
const BYTES_MAX: usize = 128;
const DIGITS_MIN: usize = 4;
/// A token of so many bytes with a digit among them is taken for an id, and asks for twice as many bits. Not what looks like the last
/// group of a UUID: it has the others beside it.
const ID_BYTES_MIN: usize = 8;
const LAST_GROUP_BYTES: usize = 12;
/// The three inner groups of a UUID with the hyphens between them.
const INNER_GROUPS_BYTES: usize = 14;

/// The bit in which the two cases of an ASCII letter differ. Other bytes are made alike by it too: that costs a little
/// precision, in hashes alone.
const CASE: u64 = 0x2020_2020_2020_2020;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// Of the hash: odd numbers of many bits.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0xa076_1d64_78bd_642f;
const ID_SEED: u64 = 0xe703_7ed1_a0b4_28db;

/// The hash by which a token, or a value of a column, is found in a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub(crate) u64);

impl Token {
    /// Of a text that writes an ASCII letter, digit or hyphen as an escape (`\u0041`), which is allowed and not done: its words are
    /// not seen as they read. Who asks for words of decoded JSON asks for this as well.
    pub const ESCAPED: Self = Self(0x9fb2_1c65_1e98_df25);

    /// The value `value` of the column `column`, bytes as they are; `None` when it is not indexed.
    pub fn of_value(column: &str, value: &str) -> Option<Self> {
        let is_indexed = column != columns::ID || !is_numbered(value);
        is_indexed.then(|| Self(value_hash(column_seed(column), value)))
    }
}

/// Whether an id looks like those that the writer assigns (UUIDs of version 8): these tell their place by themselves.
pub(crate) fn is_numbered(id: &str) -> bool {
    let id = id.as_bytes();
    id.len() == 36 && id[14] == b'8' && [8, 13, 18, 23].iter().all(|at| id[*at] == b'-')
}

pub(crate) fn column_seed(column: &str) -> u64 {
    xxh3_64(column.as_bytes())
}

pub(crate) fn value_hash(column_seed: u64, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), column_seed)
}

/// Whether the text around a part of it is known to hold no word byte next to the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEdges {
    /// None before it, or one that ends an escape.
    pub start: bool,
    /// None after it.
    pub end: bool,
}

/// Tokens that every text holds in which `part` stands with such edges: those of the runs that are wholly inside and that `is_kept`
/// keeps. The longest first, which are the rarest; none twice.
pub fn tokens_inside(part: &str, edges: TokenEdges, is_kept: impl Fn(&[u8]) -> bool) -> Vec<Token> {
    let bytes = part.as_bytes();
    let mut found: Vec<(usize, Token)> = Vec::new();
    Runs::new().for_each(bytes, |start, end| {
        let is_inside = (start > 0 || edges.start) && (end < bytes.len() || edges.end);
        // What stands beside the part is not known: four digits at its edge may be of a UUID.
        let is_indexed = !is_group(&bytes[start..end])
            || (start > 0 && bytes[start - 1] != b'-')
            || (end < bytes.len() && bytes[end] != b'-');
        if !is_inside || !is_kept(&bytes[start..end]) {
            return;
        }
        let mut add = |bytes, hash| {
            if found.iter().all(|(_, token)| token.0 != hash) {
                found.push((bytes, Token(hash)));
            }
        };
        if is_indexed {
            for_each_hash(bytes, start, end, &mut |hash| add(end - start, hash));
        } else if let Some(hash) = inner_groups(bytes, start) {
            add(INNER_GROUPS_BYTES, hash);
        }
    });
    found.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    found.into_iter().map(|(_, token)| token).collect()
}

/// Whether a word may begin at `at` of a text: no word byte stands before, or one that ends an escape.
pub fn begins_word(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    if !is_word(text[before]) {
        return true;
    }
    let escaped = |letters: usize| {
        let backslash = at.checked_sub(letters + 1)?;
        (text[backslash] == b'\\').then_some(backslash + 1)
    };
    escaped(1).is_some_and(|start| escape_bytes(&text[start..]) == 1)
        || escaped(5).is_some_and(|start| escape_bytes(&text[start..]) == 5)
}

/// Whether a word may end at `at` of a text: no word byte stands there.
pub fn ends_word(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !is_word(*byte))
}

/// The hashes of all tokens of a text, in its order, some more than once. Inlined, for the processor that the caller is compiled for.
#[inline(always)]
pub(crate) fn for_each_token(text: &[u8], runs: &mut Runs, mut each: impl FnMut(u64)) {
    runs.for_each(
        text,
        #[inline(always)]
        |start, end| {
            let before = if start > 0 { text[start - 1] } else { 0 };
            if before == b'-' && end - start == 4 && text.get(end) == Some(&b'-') && is_group(&text[start..end]) {
                if let Some(hash) = inner_groups(text, start) {
                    each(hash);
                }
                return;
            }
            for_each_hash(text, start, end, &mut each);
            if before == b'\\' {
                // Once more behind the letters of an escape.
                let escape = escape_bytes(&text[start..end]);
                if escape > 0 {
                    for_each_hash(text, start + escape, end, &mut each);
                }
                if escape == 5 && is_needless(&text[start..start + escape]) {
                    each(Token::ESCAPED.0);
                }
            }
        },
    );
}

/// Whether a run looks like one of the inner groups of a UUID.
#[inline(always)]
fn is_group(run: &[u8]) -> bool {
    match run.first_chunk::<4>() {
        Some(four) if run.len() == 4 => hex_bits(u64::from(u32::from_le_bytes(*four))) == HIGH_BITS >> 32,
        _ => false,
    }
}

/// The hash of the inner groups of a UUID, of which the first is the run that begins at `start`; the text must tell that
/// hyphens stand at both their ends.
#[inline(always)]
fn inner_groups(text: &[u8], start: usize) -> Option<u64> {
    const HYPHENS: u64 = 0x2d2d_2d2d_2d2d_2d2d;
    // Where they stand in the first eight bytes, `xxxx-xxx`, and in those from the seventh on, `xx-xxxx-`.
    const IN_FIRST: u64 = 0x0000_00ff_0000_0000;
    const IN_SECOND: u64 = 0xff00_0000_00ff_0000;
    let groups: &[u8; INNER_GROUPS_BYTES + 1] = text.get(start..)?.first_chunk()?;
    let [first, second] = [0, 7].map(|at| u64::from_le_bytes(groups[at..at + 8].try_into().expect("eight bytes")));
    let is_inner = (first ^ HYPHENS) & IN_FIRST == 0
        && (second ^ HYPHENS) & IN_SECOND == 0
        && hex_bits(first) == HIGH_BITS & !IN_FIRST
        && hex_bits(second) == HIGH_BITS & !IN_SECOND
        && text[..start].last() == Some(&b'-');
    is_inner.then(|| {
        // Of the second, the six bytes that the first has not and no hyphen behind.
        let hash = mix(mix(SEED ^ INNER_GROUPS_BYTES as u64, first | CASE), (second | CASE) << 8 >> 16);
        mix(hash, MULTIPLIER)
    })
}

/// Whether an escape, its letters without the backslash, stands for an ASCII letter, a digit or a hyphen.
#[cold]
fn is_needless(escape: &[u8]) -> bool {
    let code = escape.strip_prefix(b"u00").or_else(|| escape.strip_prefix(b"U00"));
    let code = code.and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| u8::from_str_radix(code, 16).ok());
    code.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Length of the escape whose letters `text` begins with, behind its backslash; 0 for none.
fn escape_bytes(text: &[u8]) -> usize {
    match text.first().map(|byte| byte | 0x20) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') => 1,
        Some(b'u') if text.len() >= 5 && text[1..5].iter().all(u8::is_ascii_hexdigit) => 5,
        _ => 0,
    }
}

/// The hashes of one run: two of an id, one of another token, none else.
#[inline(always)]
fn for_each_hash(text: &[u8], start: usize, end: usize, each: &mut impl FnMut(u64)) {
    let bytes = end - start;
    let mixed = match text[start..].first_chunk() {
        Some(sixteen) if bytes <= 16 => mix_short(sixteen, bytes),
        _ => mix_long(text, start, end),
    };
    let Some(Mixed { hash, is_id }) = mixed else { return };
    let hash = mix(hash, MULTIPLIER);
    each(hash);
    if is_id {
        each(mix(hash, ID_SEED));
    }
}

/// What all bytes of a token come to.
struct Mixed {
    hash: u64,
    is_id: bool,
}

/// Of a run of up to 16 bytes, with what follows it: read whole, so that what is worked out depends on its length alone. Texts of
/// one kind have words of the same lengths, one after the other, and the processor guesses them right.
#[inline(always)]
fn mix_short(sixteen: &[u8; 16], bytes: usize) -> Option<Mixed> {
    let [first, second] = [0, 8].map(|at| u64::from_le_bytes(sixteen[at..at + 8].try_into().expect("eight bytes")));
    let kept = u64::MAX >> (8 * (bytes.wrapping_neg() % 8));
    let seed = SEED ^ bytes as u64;
    if bytes > 8 {
        let second = second & kept;
        let (folded, folded_second) = (first | CASE, second | CASE & kept);
        let (digits, digits_second) = (digit_bits(first), digit_bits(second));
        let is_last_group =
            bytes == LAST_GROUP_BYTES && hex_bits(first) == HIGH_BITS && hex_bits(second) == kept & HIGH_BITS;
        let hash = mix(mix(seed, folded), folded_second);
        return Some(Mixed { hash, is_id: digits | digits_second != 0 && !is_last_group });
    }
    let first = first & kept;
    if bytes < DIGITS_MIN && (bytes < BYTES_MIN || digit_bits(first) == kept & HIGH_BITS) {
        return None;
    }
    let is_id = bytes >= ID_BYTES_MIN && digit_bits(first) != 0;
    Some(Mixed { hash: mix(seed, first | CASE & kept), is_id })
}

#[inline(always)]
fn mix_long(text: &[u8], start: usize, end: usize) -> Option<Mixed> {
    let bytes = end - start;
    if !(BYTES_MIN..=BYTES_MAX).contains(&bytes) {
        return None;
    }
    let (mut hash, mut digits, mut at) = (SEED ^ bytes as u64, 0, start);
    while end - at > 8 {
        let word = u64::from_le_bytes(text[at..at + 8].try_into().expect("eight bytes"));
        digits |= digit_bits(word);
        hash = mix(hash, word | CASE);
        at += 8;
    }
    let kept = u64::MAX >> (8 * (8 - (end - at)));
    let word = kept
        & match text.get(at..at + 8) {
            Some(word) => u64::from_le_bytes(word.try_into().expect("eight bytes")),
            None => last_word(&text[at..end]),
        };
    let last_digits = digit_bits(word);
    if bytes < DIGITS_MIN && last_digits == kept & HIGH_BITS {
        return None;
    }
    let is_last_group = bytes == LAST_GROUP_BYTES && text[start..end].iter().all(u8::is_ascii_hexdigit);
    let is_id = bytes >= ID_BYTES_MIN && digits | last_digits != 0 && !is_last_group;
    Some(Mixed { hash: mix(hash, word | CASE & kept), is_id })
}

/// Up to eight bytes, padded with zeros.
#[cold]
fn last_word(bytes: &[u8]) -> u64 {
    let mut last = [0; 8];
    last[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(last)
}

/// The highest bit of each of eight bytes that is an ASCII digit.
#[inline(always)]
fn digit_bits(word: u64) -> u64 {
    let low = word & !HIGH_BITS;
    // Carries into the highest bit from '0' on, and from the one behind '9' on.
    let from_zero = low + 0x5050_5050_5050_5050;
    let behind_nine = low + 0x4646_4646_4646_4646;
    from_zero & !behind_nine & !word & HIGH_BITS
}

/// The highest bit of each of eight bytes that is a hexadecimal digit.
#[inline(always)]
fn hex_bits(word: u64) -> u64 {
    let low = (word | CASE) & !HIGH_BITS;
    let from_a = low + 0x1f1f_1f1f_1f1f_1f1f;
    let behind_f = low + 0x1919_1919_1919_1919;
    (from_a & !behind_f & !word & HIGH_BITS) | digit_bits(word)
}

/// Folds the 128 bits of a product.
#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}
