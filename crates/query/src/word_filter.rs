//! [`WordFilter`]: what a query asks for that the word index of a data file may know, and which segments that leaves.

use annals_table::{Token, VALUE_COLUMNS, WordIndexPlace, may_hold};

use crate::error::{ErrorKind, Result};
use crate::reader::{BlockOf, DataReader, Footer, IndexUse, ScanStats, WordUse};

/// Most values of a column that are asked for: of more, one is nearly everywhere.
const VALUES_MAX: usize = 16;
/// Most tokens that are asked for in all. Each rules out all but one segment of a hundred, if it is rare at all.
const TOKENS_MAX: usize = 24;

/// Conditions that hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordFilter {
    /// Of each, a row has one at least.
    groups: Vec<Vec<Token>>,
    /// A text is searched for of which no token is known.
    is_blind: bool,
}

impl WordFilter {
    /// The column has one of the values.
    pub(crate) fn require_value(&mut self, column: &str, values: &[String]) {
        if VALUE_COLUMNS.contains(&column) {
            // One that is not indexed may be anywhere.
            let tokens: Option<Vec<Token>> = values.iter().map(|value| Token::of_value(column, value)).collect();
            tokens.into_iter().for_each(|tokens| self.require_any(tokens));
        }
    }

    /// One of the texts of the row has all of the tokens.
    pub(crate) fn require_text(&mut self, tokens: Vec<Token>) {
        self.require_groups(tokens.into_iter().map(|token| vec![token]).collect());
    }

    /// The texts of the row have one token at least of each group.
    pub(crate) fn require_groups(&mut self, groups: Vec<Vec<Token>>) {
        self.is_blind |= groups.is_empty();
        groups.into_iter().for_each(|tokens| self.require_any(tokens));
    }

    fn require_any(&mut self, tokens: Vec<Token>) {
        let asked: usize = self.groups.iter().map(Vec::len).sum();
        if (1..=VALUES_MAX).contains(&tokens.len())
            && asked + tokens.len() <= TOKENS_MAX
            && !self.groups.contains(&tokens)
        {
            self.groups.push(tokens);
        }
    }

    /// Whether there is anything to ask an index.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What is to be said of the search before a file was asked.
    pub(crate) fn index_use(&self) -> IndexUse {
        let words = (!self.is_empty()).then(WordUse::default);
        IndexUse { words, is_blind: self.is_blind && self.is_empty(), ..IndexUse::default() }
    }

    /// The segments of the file, ascending, that may hold a row; `None` when its index cannot tell, or need not be asked.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer. Damage to an index is none to the rows: then it cannot tell.
    pub(crate) async fn segments(
        &self,
        reader: &DataReader,
        footer: &Footer,
        stats: &mut ScanStats,
    ) -> Result<Option<Vec<u32>>> {
        if self.is_empty() {
            return Ok(None);
        }
        let found = match footer.words() {
            Some(place) => match self.look_up(reader, footer, place, stats).await {
                Ok(segments) => Some(segments),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::warn!(file = %reader.file.path, %error, "a damaged word index is passed over");
                    None
                }
                Err(error) => return Err(error),
            },
            None => None,
        };
        let (files, unindexed) = if found.is_some() { (1, 0) } else { (0, 1) };
        stats.index += IndexUse { words: Some(WordUse { files, unindexed }), ..IndexUse::default() };
        Ok(found)
    }

    async fn look_up(
        &self,
        reader: &DataReader,
        footer: &Footer,
        place: &WordIndexPlace,
        stats: &mut ScanStats,
    ) -> Result<Vec<u32>> {
        let tokens: Vec<Token> = self.groups.iter().flatten().copied().collect();
        let ranges: Vec<_> = tokens.iter().map(|token| place.row(*token)).collect();
        let mut rows = tokens.iter().zip(reader.stored.ranges_of(BlockOf::Index, footer.sums(), &ranges, stats).await?);
        let segments = place.segments() as usize;
        let mut left = vec![true; segments];
        for group in &self.groups {
            let mut any = vec![false; segments];
            for (token, row) in rows.by_ref().take(group.len()) {
                may_hold(&row, *token).for_each(|segment| any[segment as usize] = true);
            }
            left.iter_mut().zip(any).for_each(|(left, any)| *left &= any);
        }
        Ok((0..).zip(left).filter(|(_, is_left)| *is_left).map(|(segment, _)| segment).collect())
    }
}
