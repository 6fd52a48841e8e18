//! [`TextQuery`]: what a text search asks for, as words that must all be there.
//!
//! Words are separated by spaces. A word matches where it stands whole: no letter, digit or character beyond ASCII before or behind
//! it, unless it begins or ends with something else itself. `"…"` holds words together, spaces included (`\"` is a quote within).
//! A `*` at an end stands for any letters, so `*fail*` also matches within a word. ASCII letters match in either case. The
//! words may stand in different columns. Text is searched as it is stored: JSON with its escapes, behind which a word may begin.

use annals_table::{Token, TokenEdges, begins_word, ends_word, tokens_inside};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use memchr::memmem;

use crate::error::{Error, Result};
use crate::filter::text;

/// Most words of a search.
pub const QUERY_WORDS_MAX: usize = 32;

/// Which words of a text were found so far, a bit for each.
pub(crate) type Found = u32;

/// The words to find, at least one.
#[derive(Debug)]
pub(crate) struct TextQuery {
    words: Vec<Word>,
}

/// A word, or several that stand together.
#[derive(Debug)]
struct Word {
    /// ASCII letters in lower case.
    text: String,
    finder: memmem::Finder<'static>,
    /// At which of its ends a word of the text must end too.
    edges: TokenEdges,
}

impl TextQuery {
    /// Reads what somebody wrote.
    ///
    /// # Errors
    /// `Invalid` for a quote that is not closed, for no word at all, and for more than [`QUERY_WORDS_MAX`].
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (word, behind) = Word::parse(rest)?;
            words.extend(word);
            rest = behind.trim_start();
        }
        match words.len() {
            0 => Err(Error::invalid("text has no word to search for: leave it out to match every event")),
            1..=QUERY_WORDS_MAX => Ok(Self { words }),
            many => Err(Error::invalid(format!("text has {many} words and may have {QUERY_WORDS_MAX}"))),
        }
    }

    /// What a row has found that holds all words.
    pub(crate) fn all(&self) -> Found {
        Found::MAX >> (Found::BITS as usize - self.words.len())
    }

    /// Tokens that every row holds which matches.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        let tokens = |word: &Word| tokens_inside(&word.text, word.edges, |_| true);
        self.words.iter().flat_map(tokens).collect()
    }

    /// Notes for each of the `within` rows which of its words, beside those in `found`, stand in the texts of one column.
    pub(crate) fn search(&self, array: &ArrayRef, within: &BooleanBuffer, found: &mut [Found]) -> Result<()> {
        let array = text(array)?;
        let array = array.as_string_view();
        let all = self.all();
        // Lowering a copy runs at memory speed, and the search itself then runs on whole vectors.
        let mut lowered = Vec::new();
        for row in within.set_indices() {
            if found[row] == all || array.is_null(row) {
                continue;
            }
            lowered.clear();
            lowered.extend_from_slice(array.value(row).as_bytes());
            lowered.make_ascii_lowercase();
            for (number, word) in self.words.iter().enumerate() {
                let bit = 1 << number;
                if found[row] & bit == 0 && word.is_in(&lowered) {
                    found[row] |= bit;
                }
            }
        }
        Ok(())
    }
}

impl Word {
    /// Takes a word from the front of `rest`, which does not begin with a space; no word for `*` alone or empty quotes.
    fn parse(rest: &str) -> Result<(Option<Self>, &str)> {
        let unstarred = rest.strip_prefix('*').unwrap_or(rest);
        let start = unstarred.len() == rest.len();
        if let Some(quoted) = unstarred.strip_prefix('"') {
            let Some((phrase, behind)) = phrase(quoted) else {
                return Err(Error::invalid(
                    "text has a quote that is not closed: close it, or write \\\" within quotes for a quote itself",
                ));
            };
            let (end, behind) = match behind.strip_prefix('*') {
                Some(behind) => (false, behind),
                None => (true, behind),
            };
            return Ok((Self::new(&phrase, TokenEdges { start, end }), behind));
        }
        let (word, behind) = unstarred.split_at(unstarred.find(char::is_whitespace).unwrap_or(unstarred.len()));
        let (word, end) = word.strip_suffix('*').map_or((word, true), |word| (word, false));
        Ok((Self::new(word, TokenEdges { start, end }), behind))
    }

    fn new(word: &str, edges: TokenEdges) -> Option<Self> {
        let text = word.to_ascii_lowercase();
        // An end that is no letter needs none around it.
        let edges = TokenEdges {
            start: edges.start && !ends_word(text.as_bytes(), 0),
            end: edges.end && !ends_word(text.as_bytes(), text.len().saturating_sub(1)),
        };
        let finder = memmem::Finder::new(text.as_bytes()).into_owned();
        (!text.is_empty()).then_some(Self { text, finder, edges })
    }

    fn is_in(&self, lowered: &[u8]) -> bool {
        let TokenEdges { start, end } = self.edges;
        let mut from = 0;
        // Matches may overlap: the next one is looked for one byte on.
        while let Some(at) = self.finder.find(&lowered[from..]).map(|at| from + at) {
            let behind = at + self.finder.needle().len();
            if (!start || begins_word(lowered, at)) && (!end || ends_word(lowered, behind)) {
                return true;
            }
            from = at + 1;
        }
        false
    }
}

/// The text up to the closing quote, and what stands behind it; `None` when there is none.
fn phrase(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                text.push('"');
                characters.next();
            }
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;
    use std::sync::Arc;

    fn matches(query: &str, text: &str) -> bool {
        let query = TextQuery::parse(query).unwrap();
        let array: ArrayRef = Arc::new(StringViewArray::from_iter_values([text]));
        let mut found = [0];
        query.search(&array, &BooleanBuffer::new_set(1), &mut found).unwrap();
        found[0] == query.all()
    }

    #[test]
    fn words_match_whole_in_any_order_and_either_case() {
        let text = r#"Sync of Contacts failed: {"code":"RATE_LIMIT","user":"a.b@c.example"}"#;
        for query in [
            "failed",
            "FAILED sync",
            "rate_limit",
            "limit",
            "a.b@c.example",
            "\"of contacts\"",
            "c.example",
            "{\"code\":\"RATE_LIMIT\"",
            "fail*",
            "*act*",
            "*ailed",
            "\"sync of cont\"*",
            "failed:",
            "\"code\\\":\\\"rate\"",
        ] {
            assert!(matches(query, text), "{query}");
        }
        for query in ["fail", "ailed", "\"contacts of\"", "sync missing", "example2", "*contact", "\"of cont\""] {
            assert!(!matches(query, text), "{query}");
        }
    }

    #[test]
    fn a_word_begins_behind_an_escape_and_where_a_longer_match_began_wrong() {
        assert!(matches("line2", r#""line1\nline2""#));
        assert!(matches("nline2", r#""line1\nline2""#));
        assert!(matches("div", r"\u003cdiv\u003e"));
        assert!(matches("aa", "baa aa"));
        assert!(!matches("ine2", r"\line2"));
        assert!(matches("naïve", "so naïve!"));
        assert!(!matches("na", "naïve"), "characters beyond ASCII are of words");
    }

    #[test]
    fn texts_without_a_word_are_refused() {
        for text in ["", "  ", "*", "\"\"", "\"open", "x \"open", "** *"] {
            assert!(TextQuery::parse(text).is_err(), "{text:?}");
        }
        TextQuery::parse(&"w ".repeat(QUERY_WORDS_MAX)).unwrap();
        TextQuery::parse(&"w ".repeat(QUERY_WORDS_MAX + 1)).unwrap_err();
    }

    #[test]
    fn only_what_stands_whole_gives_tokens() {
        let tokens = |text: &str| TextQuery::parse(text).unwrap().tokens().len();
        assert_eq!(tokens("failed"), 1);
        assert_eq!(tokens("failed contacts"), 2);
        assert_eq!(tokens("fail*"), 0);
        assert_eq!(tokens("*a failed b*"), 1, "each end has its star");
        assert_eq!(tokens("*\"a failed bc\"*"), 1, "only the middle is whole");
        assert_eq!(tokens("0063x00000AbCdE"), 2, "an id asks twice");
    }
}
