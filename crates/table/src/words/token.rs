//! What a token is: the rule, version 1, by which words are indexed and asked for.
//!
//! - A word is a run of letters, digits and `_`. Beyond ASCII every character belongs to words save spaces, punctuation,
//!   symbols and emoji ([`is_word_char`]); ASCII letters are compared in lower case.
//! - In JSON (payload, error) escapes are decoded first: `\n` or `\"` ends a word, `\u00e9` is an é. Member names are
//!   words like any other. In plain text (message) a backslash is a separator.
//! - Left out: words below 3 bytes, and words below 5 with a digit in them. A word longer than 64 bytes counts by its first 64.
//! - A word with `_` is indexed whole and by the parts between, which obey the same rule.
//! - A word of 8 bytes or more with a digit in it is an id and has two tokens; so few segments hold it by chance.
//!
//! The rule depends on the text alone, never on other rows, and on no table of Unicode that changes with the compiler: a
//! question asked today means what it meant when the file was written. Bytes: `FORMAT.md`, 'Words'.

use super::decode::char_at;
use super::hash::{WORD_SEED, finish, step, twin, word_hash};
use super::window::{WINDOW_BYTES, Window};

/// The version of the rule, recorded with every index.
pub(crate) const TOKEN_RULE: u16 = 1;
/// A shorter word is left out.
const WORD_BYTES_MIN: usize = 3;
/// A shorter word with a digit is left out: years, status codes and the middle groups of UUIDs would be a third of all
/// distinct words, and a segment holds about half of those there are, so asking for one tells next to nothing.
const DIGIT_WORD_BYTES_MIN: usize = 5;
/// A longer word counts by its first bytes: it is a blob, and nobody types it.
pub(crate) const WORD_BYTES_MAX: usize = 64;
const _: () = assert!(WORD_BYTES_MAX == WINDOW_BYTES, "a word that fills a window is hashed from it alone");
/// From here on a word with a digit is an id.
const ID_BYTES_MIN: usize = 8;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// As it is: a message.
    Plain,
    /// JSON as it is stored, escapes and all: a payload, an error.
    Json,
}

/// Calls `token` with every token of the words of `text`, repeated ones too.
pub fn for_each_word_hash(text: &str, kind: Kind, mut token: impl FnMut(u64)) {
    for_each_word(text, kind, |word| {
        token(word.hash);
        if word.is_id {
            token(twin(word.hash));
        }
    });
}

/// A word, or a part of one, that is not left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) hash: u64,
    /// [`twin`] of its hash is a token as well.
    pub(crate) is_id: bool,
}

/// Calls `word` with every word of `text` that is not left out, and every such part of one.
#[inline]
pub(crate) fn for_each_word(text: &str, kind: Kind, mut word: impl FnMut(Word)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let (next, then) = window_words(bytes, at, kind, &mut word);
        at = match then {
            Then::Go => next,
            Then::Long => {
                long_word(bytes, next, kind, &mut word).unwrap_or_else(|| any_word(text, next, kind, &mut word))
            }
            Then::Any => any_word(text, next, kind, &mut word),
        };
    }
}

/// What is to be done where a window ends.
enum Then {
    /// The next window.
    Go,
    /// A word stands there that fills a window.
    Long,
    /// A word or separator stands there that is not ASCII alone.
    Any,
}

/// Takes the words that stand whole in the window at `at`; answers with where it ends and what is there.
#[inline(always)]
fn window_words(bytes: &[u8], at: usize, kind: Kind, word: &mut impl FnMut(Word)) -> (usize, Then) {
    let window = Window::at(bytes, at);
    let mut words = window.word;
    let mut special = window.special;
    if special != 0 {
        (words, special) = without_escapes(bytes, at, kind, words, special);
    }
    // Up to here all is decided.
    let limit = special.trailing_zeros() as usize;
    loop {
        let start = words.trailing_zeros() as usize;
        if start >= limit {
            let then = if limit < WINDOW_BYTES { Then::Any } else { Then::Go };
            return (at + limit, then);
        }
        let length = (words >> start).trailing_ones() as usize;
        let end = start + length;
        if end >= limit {
            let then = match limit {
                WINDOW_BYTES if start > 0 => Then::Go,
                WINDOW_BYTES => Then::Long,
                _ => Then::Any,
            };
            return (at + start, then);
        }
        let here = ((1 << length) - 1) << start;
        let has_digit = window.digits & here != 0;
        if counts(length, has_digit) {
            let mut hash = WORD_SEED;
            let mut from = start;
            while from + 8 <= end {
                hash = step(hash, window.lower(from));
                from += 8;
            }
            if from < end {
                hash = step(hash, window.lower(from) & ((1 << ((end - from) * 8)) - 1));
            }
            word(Word { hash: finish(hash), is_id: is_id(length, has_digit) });
        }
        if window.underscores & here != 0 {
            ascii_parts(&bytes[at + start..at + end], word);
        }
        words &= u64::MAX << end;
    }
}

/// The words of a window without the letters of escapes, and what of it cannot be decided without decoding: characters beyond
/// ASCII, and in JSON a `\u` and a backslash at the end.
#[inline(never)]
fn without_escapes(bytes: &[u8], at: usize, kind: Kind, mut words: u64, special: u64) -> (u64, u64) {
    let mut open = special;
    let mut undecided = 0;
    while open != 0 {
        let place = open.trailing_zeros() as usize;
        open &= open - 1;
        let next = bytes.get(at + place + 1);
        match (bytes.get(at + place), kind) {
            (Some(b'\\'), Kind::Plain) => {}
            (Some(b'\\'), Kind::Json) if place + 1 < WINDOW_BYTES => match next {
                Some(b'u') | None => undecided |= 1 << place,
                Some(b'n' | b't' | b'r' | b'b' | b'f') => words &= !(2 << place),
                // The second of two begins no escape.
                Some(b'\\') => open &= !(2 << place),
                Some(_) => {}
            },
            _ => undecided |= 1 << place,
        }
        if undecided != 0 {
            break;
        }
    }
    (words, undecided)
}

/// Whether a character belongs to words.
///
/// Beyond ASCII: every character save U+0080 to U+00BF (but ª, µ, º), × and ÷, U+2000 to U+2BFF (punctuation, signs, arrows,
/// drawing), U+2E00 to U+2E7F and U+3000 to U+3004, U+3008 to U+3020, U+3030 (CJK punctuation), U+D800 to U+F8FF
/// (private), U+FE10 to U+FE6F, U+FEFF to U+FF0F, U+FF1A to U+FF20, U+FF3B to U+FF40, U+FF5B to U+FF65, U+FFE0 to U+FFFF
/// (forms of punctuation), U+1F000 to U+1FAFF (emoji), and all from U+E0000 on.
pub(crate) fn is_word_char(char: char) -> bool {
    match char as u32 {
        0..0x80 => char.is_ascii_alphanumeric() || char == '_',
        0xAA | 0xB5 | 0xBA => true,
        0x80..=0xBF | 0xD7 | 0xF7 => false,
        0x2000..=0x2BFF | 0x2E00..=0x2E7F => false,
        0x3000..=0x3004 | 0x3008..=0x3020 | 0x3030 => false,
        0xD800..=0xF8FF | 0xFE10..=0xFE6F => false,
        0xFEFF..=0xFF0F | 0xFF1A..=0xFF20 | 0xFF3B..=0xFF40 | 0xFF5B..=0xFF65 | 0xFFE0..=0xFFFF => false,
        0x1_F000..=0x1_FAFF => false,
        0xE_0000.. => false,
        _ => true,
    }
}

/// The word, or part of one, of these bytes in lower case: all of it, or as much as counts. `None` when it is left out.
pub(crate) fn word_of(bytes: &[u8]) -> Option<Word> {
    let bytes = &bytes[..bytes.len().min(WORD_BYTES_MAX)];
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    counts(bytes.len(), digits > 0).then(|| Word { hash: word_hash(bytes), is_id: is_id(bytes.len(), digits > 0) })
}

/// Whether a word of this length is not left out; a digit beyond what counts of it is none.
#[inline(always)]
fn counts(length: usize, has_digit: bool) -> bool {
    length >= if has_digit { DIGIT_WORD_BYTES_MIN } else { WORD_BYTES_MIN }
}

#[inline(always)]
fn is_id(length: usize, has_digit: bool) -> bool {
    length >= ID_BYTES_MIN && has_digit
}

/// Takes the word of 64 bytes or more that starts at `start` and answers with its end, or `None`, having called nothing, when
/// it is not a word of ASCII alone.
#[inline(never)]
fn long_word(bytes: &[u8], start: usize, kind: Kind, word: &mut impl FnMut(Word)) -> Option<usize> {
    let counted = Window::at(bytes, start);
    let mut at = start;
    loop {
        let length = Window::at(bytes, at).word.trailing_ones() as usize;
        at += length;
        if length < WINDOW_BYTES {
            break;
        }
    }
    match bytes.get(at) {
        Some(0x80..) => return None,
        Some(b'\\') if kind == Kind::Json && bytes.get(at + 1) == Some(&b'u') => return None,
        _ => {}
    }
    let hash = (0..WORD_BYTES_MAX).step_by(8).fold(WORD_SEED, |hash, from| step(hash, counted.lower(from)));
    word(Word { hash: finish(hash), is_id: counted.digits != 0 });
    if memchr::memchr(b'_', &bytes[start..at]).is_some() {
        ascii_parts(&bytes[start..at], word);
    }
    Some(at)
}

#[inline(never)]
fn ascii_parts(whole: &[u8], word: &mut impl FnMut(Word)) {
    for part in whole.split(|byte| *byte == b'_') {
        let mut lower = [0; WORD_BYTES_MAX];
        let part = &part[..part.len().min(WORD_BYTES_MAX)];
        let lower = &mut lower[..part.len()];
        lower.copy_from_slice(part);
        lower.make_ascii_lowercase();
        word_of(lower).into_iter().for_each(&mut *word);
    }
}

/// Takes the word that starts at `start` character by character, or the one separator that stands there; answers with the end.
#[inline(never)]
fn any_word(text: &str, start: usize, kind: Kind, word: &mut impl FnMut(Word)) -> usize {
    let mut at = start;
    let mut whole = Counted::default();
    let mut part = Counted::default();
    let mut parts = false;
    while let Some((char, next)) = char_at(text, at, kind) {
        if !is_word_char(char) {
            // The separator goes as well: it may be an escape, whose letters are no word.
            at = next;
            break;
        }
        at = next;
        let char = char.to_ascii_lowercase();
        whole.push(char);
        if char == '_' {
            part.word().into_iter().for_each(&mut *word);
            part = Counted::default();
            parts = true;
        } else {
            part.push(char);
        }
    }
    whole.word().into_iter().for_each(&mut *word);
    if parts {
        part.word().into_iter().for_each(&mut *word);
    }
    at
}

/// As much of a word as counts.
struct Counted {
    bytes: [u8; WORD_BYTES_MAX],
    length: usize,
}

impl Default for Counted {
    fn default() -> Self {
        Self { bytes: [0; WORD_BYTES_MAX], length: 0 }
    }
}

impl Counted {
    fn push(&mut self, char: char) {
        let mut utf8 = [0; 4];
        for byte in char.encode_utf8(&mut utf8).bytes() {
            if let Some(to) = self.bytes.get_mut(self.length) {
                *to = byte;
                self.length += 1;
            }
        }
    }

    fn word(&self) -> Option<Word> {
        word_of(&self.bytes[..self.length])
    }
}
