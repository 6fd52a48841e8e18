//! What is typed into the search box: needles that all must be found in a row, and the tokens to ask for before looking.

use memchr::memmem::Finder;

use super::decode::fold;
use super::inside::certain_tokens;
use super::token::{Kind, is_word_char};

/// One word or phrase to find.
///
/// It is found where its characters stand (ASCII letters in any case; escapes of JSON decoded) and its first and last word
/// are whole words, unless a `*` gave that up on a side. A needle that begins or ends with a separator has no word there.
#[derive(Clone, Debug)]
pub struct Needle {
    text: String,
    /// No word may reach over the start.
    pub(crate) starts: bool,
    /// No word may reach over the end.
    pub(crate) ends: bool,
    tokens: Vec<u64>,
    finder: Finder<'static>,
}

/// Needles that all must be found.
#[derive(Clone, Debug, Default)]
pub struct SearchText {
    needles: Vec<Needle>,
}

/// Room for the texts of a row in the form in which they are compared, to be used again for the next row.
#[derive(Debug, Default)]
pub struct FoldedTexts {
    texts: Vec<String>,
}

/// Reads what was typed: needles stand apart by white space; `"…"` is one needle, to the next quote or the end. A `*` before
/// or after one lets words reach over that side: `fail*`, `*fail`, `*fail*`, `"rate lim"*`. Within quotes it is a star.
pub fn query_words(text: &str) -> SearchText {
    let mut needles = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let starred = rest.trim_start_matches('*');
        let open_start = starred.len() < rest.len();
        let (needle, after) = match starred.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => starred.split_at(starred.find(char::is_whitespace).unwrap_or(starred.len())),
        };
        let (needle, after, open_end) = if starred.starts_with('"') {
            let after_stars = after.trim_start_matches('*');
            (needle, after_stars, after_stars.len() < after.len())
        } else {
            let bare = needle.trim_end_matches('*');
            (bare, after, bare.len() < needle.len())
        };
        if !needle.is_empty() {
            needles.push(Needle::new(needle, !open_start, !open_end));
        }
        rest = after.trim_start();
    }
    SearchText { needles }
}

impl SearchText {
    /// The needles, in the order in which they were typed.
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// Whether there is nothing to find: then every row is a hit.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The tokens that a row must have, the most telling of each needle first.
    pub fn tokens(&self) -> impl Iterator<Item = u64> + '_ {
        self.needles.iter().flat_map(|needle| needle.tokens.iter().copied())
    }

    /// Whether all needles are in one text.
    pub fn matches(&self, text: &str, kind: Kind) -> bool {
        self.matches_row(&[(text, kind)], &mut FoldedTexts::default())
    }

    /// Whether each needle is in one of the texts of a row.
    pub fn matches_row(&self, texts: &[(&str, Kind)], folded: &mut FoldedTexts) -> bool {
        let room = &mut folded.texts;
        room.resize_with(room.len().max(texts.len()), String::new);
        for (to, (text, kind)) in room.iter_mut().zip(texts) {
            fold(text, *kind, to);
        }
        self.needles.iter().all(|needle| room[..texts.len()].iter().any(|text| needle.is_in(text)))
    }
}

impl Needle {
    pub(crate) fn new(text: &str, starts: bool, ends: bool) -> Self {
        let text = text.to_ascii_lowercase();
        // At a separator there is no word to be whole.
        let starts = starts && text.starts_with(is_word_char);
        let ends = ends && text.ends_with(is_word_char);
        let tokens = certain_tokens(&text, Kind::Plain, starts, ends);
        let finder = Finder::new(text.as_bytes()).into_owned();
        Self { text, starts, ends, tokens, finder }
    }

    /// What is to be found, ASCII letters in lower case, without quotes and stars.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tokens that a row must have, the most telling first; any part of them may be asked. None: only a look at the rows
    /// can tell.
    pub fn tokens(&self) -> &[u64] {
        &self.tokens
    }

    /// Whether one text has it.
    pub fn matches(&self, text: &str, kind: Kind) -> bool {
        let mut folded = String::new();
        fold(text, kind, &mut folded);
        self.is_in(&folded)
    }

    /// `text` is folded.
    fn is_in(&self, text: &str) -> bool {
        let mut from = 0;
        while let Some(found) = text.as_bytes().get(from..).and_then(|rest| self.finder.find(rest)) {
            let start = from + found;
            let end = start + self.text.len();
            let (before, after) = (&text[..start], &text[end..]);
            from = if self.starts && before.ends_with(is_word_char) {
                // In the midst of a word: the next place is in another one.
                start + run_bytes(&text[start..])
            } else if self.ends && after.starts_with(is_word_char) {
                // The next place ends no earlier than this word does.
                (end + run_bytes(after) - self.text.len()).max(start + 1)
            } else {
                return true;
            };
        }
        false
    }
}

/// Bytes of the word characters at the start.
fn run_bytes(text: &str) -> usize {
    text.find(|char| !is_word_char(char)).unwrap_or(text.len())
}
