//! The word index of a data file: which of its segments may hold a word, or a value of an id column, told by the file itself
//! without decoding a row.
//!
//! For each segment of 4,096 rows there is a split-block Bloom filter over the [`tokens`] of its texts and the values of its id
//! columns. The filters of a file all have the same number of blocks and stand transposed, block by block: one word is one small
//! read, whatever the number of segments. A filter says 'this segment may hold it' and never keeps silent about a row: rows
//! are compared as well, and a file without filters is read. Nothing here does I/O. Bytes: `FORMAT.md`, 'Word index'.

mod bloom;
mod builder;
mod distinct;
mod place;
mod runs;
mod tokens;

pub use bloom::may_hold;
pub(crate) use builder::WordFilterBuilder;
pub(crate) use place::WORDS_KEY;
pub use place::WordIndexPlace;
pub use tokens::{Token, TokenEdges, begins_word, ends_word, tokens_inside};

use annals_event::columns;

/// Columns whose texts are indexed by their tokens.
pub const WORD_COLUMNS: [&str; 3] = [columns::MESSAGE, columns::PAYLOAD, columns::ERROR];

/// Columns whose values are indexed whole.
pub const VALUE_COLUMNS: [&str; 10] = [
    columns::ID,
    columns::END_USER_ID,
    columns::PERSONA_ID,
    columns::INTEGRATION_ID,
    columns::CONNECT_CREDENTIAL_ID,
    columns::CONNECT_CREDENTIAL_CONFIG_ID,
    columns::WORKFLOW_ID,
    columns::WEBHOOK_ID,
    columns::EVENT_ID,
    columns::EVENT_NAME,
];

#[cfg(test)]
mod tests;
