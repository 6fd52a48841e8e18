//! [`Token`]: the bearer token that a server asks for, read from a file so that it stands in no command line.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use reqwest::header::HeaderValue;

/// A file with more bytes than this holds no token.
const TOKEN_BYTES_MAX: usize = 4_096;

/// A bearer token. Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// The token in a file, which holds nothing else; white space around it does not count.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path).map(|file| file.len());
        if bytes.is_ok_and(|bytes| bytes > TOKEN_BYTES_MAX as u64) {
            bail!("{} is too large for a token's file", path.display());
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the token's file {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let token = text.trim();
        if token.is_empty() {
            bail!("the file holds no token");
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("the file must hold one word of visible ASCII characters, the token");
        }
        Ok(Self(token.to_owned()))
    }

    /// The value of the `Authorization` header, marked so that nothing logs it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", self.0)).expect("a token is visible ASCII, as a header may be");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_word_of_the_file_is_the_token() {
        let token = Token::parse("\n  s3cret \n").unwrap();
        assert_eq!(token.header(), "Bearer s3cret");
        assert_eq!(format!("{token:?} {:?}", token.header()), "Token(…) Sensitive");
    }

    #[test]
    fn a_file_without_a_usable_token_is_refused() {
        for text in ["", "\n \n", "two words", "two\nlines", "schlüssel"] {
            assert!(Token::parse(text).is_err(), "{text:?}");
        }
    }
}
