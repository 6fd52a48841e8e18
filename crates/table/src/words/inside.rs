//! The tokens that a text must have when it has a given piece of text somewhere.
//!
//! At the edges of the piece stand parts of words, which tell nothing, unless it is known that a word begins or ends there.

use super::decode::char_at;
use super::hash::twin;
use super::token::{Kind, WORD_BYTES_MAX, for_each_word, is_word_char, word_of};

/// Tokens that are in every text, message or raw JSON, that contains `needle` (`LIKE '%needle%'`); none when nothing is certain.
///
/// Holds for comparison byte by byte. `ILIKE` folds letters beyond ASCII, and so can be asked this way only where it does
/// not. `kind` is how the searched column is read. The most telling tokens come first; any part of them may be asked.
pub fn tokens_inside(needle: &str, kind: Kind) -> Vec<u64> {
    certain_tokens(needle, kind, false, false)
}

/// As [`tokens_inside`]; `starts` and `ends` say that the needle is found only where no word reaches over that edge.
pub(crate) fn certain_tokens(needle: &str, kind: Kind, starts: bool, ends: bool) -> Vec<u64> {
    let mut tokens = Tokens::default();
    for run in runs(needle, kind, starts, ends) {
        run.tokens(&mut tokens);
    }
    tokens.most_telling_first()
}

/// Word characters in a row, as they stand in a needle.
#[derive(Clone, Copy, Debug)]
struct Run<'a> {
    chars: &'a str,
    /// The word begins here.
    starts: bool,
    /// The word ends here.
    ends: bool,
}

/// Cuts a needle into runs. In JSON only what is certain about escapes is used:
///
/// - A backslash after another character begins an escape. One at the start of the needle may be the second half of `\\`.
/// - An escape but `\u` separates words. What `\u` stands for may belong to a word, so words beside it are cut off there.
fn runs(needle: &str, kind: Kind, starts: bool, ends: bool) -> Vec<Run<'_>> {
    let json = kind == Kind::Json;
    let mut runs = Vec::new();
    let mut at = 0;
    // Whether a word that begins here does.
    let mut starts = starts;
    if json && needle.starts_with('\\') {
        at = needle.len() - needle.trim_start_matches('\\').len();
        starts = false;
    }
    while at < needle.len() {
        let rest = &needle[at..];
        let end = rest.find(|char| !is_word_char(char)).unwrap_or(rest.len());
        let after = &rest[end..];
        let cut = json && after.starts_with('\\') && matches!(after.as_bytes().get(1), None | Some(b'u'));
        if end > 0 {
            runs.push(Run { chars: &rest[..end], starts, ends: if after.is_empty() { ends } else { !cut } });
        }
        at += end;
        // One separator: the backslash alone of a `\u`, whose digits then are the start of a word that is cut off there.
        starts = !cut;
        at = match char_at(needle, at, kind) {
            Some(_) if cut => at + 1,
            Some((_, next)) => next,
            None => break,
        };
    }
    runs
}

impl Run<'_> {
    fn tokens(self, tokens: &mut Tokens) {
        let mut lower = self.chars.to_owned();
        lower.make_ascii_lowercase();
        if self.starts && self.ends {
            for_each_word(&lower, Kind::Plain, |word| tokens.add(word.hash, word.is_id, lower.len()));
            return;
        }
        if self.starts && lower.len() >= WORD_BYTES_MAX {
            tokens.add_word(&lower);
        }
        let Some(first) = lower.find('_') else { return };
        // There is a `_`, so the parts of the word are tokens, whatever else it holds.
        let last = lower.rfind('_').unwrap_or(first);
        if self.starts {
            tokens.add_word(&lower[..first]);
        }
        if first < last {
            lower[first + 1..last].split('_').for_each(|part| tokens.add_word(part));
        }
        let tail = &lower[last + 1..];
        if self.ends || tail.len() >= WORD_BYTES_MAX {
            tokens.add_word(tail);
        }
    }
}

/// Tokens with how much each tells: ids before words, long ones before short ones.
#[derive(Default)]
struct Tokens {
    found: Vec<(bool, usize, u64)>,
}

impl Tokens {
    fn add(&mut self, hash: u64, is_id: bool, length: usize) {
        self.found.push((is_id, length, hash));
        if is_id {
            self.found.push((is_id, length, twin(hash)));
        }
    }

    /// Adds a whole word or a whole part of one.
    fn add_word(&mut self, word: &str) {
        if let Some(found) = word_of(word.as_bytes()) {
            self.add(found.hash, found.is_id, word.len());
        }
    }

    fn most_telling_first(mut self) -> Vec<u64> {
        self.found.sort_unstable_by(|a, b| b.cmp(a));
        let mut tokens = Vec::with_capacity(self.found.len());
        for (_, _, token) in self.found {
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        tokens
    }
}
