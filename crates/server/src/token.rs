//! [`Token`]: the bearer token that requests must carry. Only its SHA-256 is kept, and comparing tells nothing by its time.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

/// Shortest token: 16 characters of a random base64 text are 96 bits.
const TOKEN_CHARS_MIN: usize = 16;
/// Longest token file; a header of this length would be refused anyway.
const FILE_BYTES_MAX: u64 = 4096;
/// Permissions of anybody but the owner.
const OTHERS_MODE: u32 = 0o077;

/// A secret that a request must show. It cannot be read out of this value, printed or logged.
#[derive(Clone)]
pub struct Token {
    sha256: [u8; 32],
}

impl Token {
    /// Reads a token from a file that its owner alone may touch. White space around the token does not count.
    ///
    /// # Errors
    /// `Invalid` when the file cannot be read, others may read or change it, or it does not hold one word of at least 16
    /// characters of visible ASCII. No message shows any of the token.
    pub fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| Error::invalid(format!("cannot read the token file {shown}: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        // Of the open file, not of the path, which may be another file by now.
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Error::invalid(format!("the token file {shown} is not a file")));
        }
        if metadata.mode() & OTHERS_MODE != 0 {
            return Err(Error::invalid(format!(
                "others than its owner may use the token file {shown} (mode {:04o}): run chmod 600 {shown}",
                metadata.mode() & 0o7777,
            )));
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Error::invalid(format!("the token file {shown} is longer than {FILE_BYTES_MAX} bytes")));
        }
        Self::new(&text).map_err(|problem| Error::invalid(format!("the token file {shown} {problem}")))
    }

    fn new(text: &[u8]) -> Result<Self, String> {
        let token = text.trim_ascii();
        if token.len() < TOKEN_CHARS_MIN {
            return Err(format!(
                "holds a token of {} characters, at least {TOKEN_CHARS_MIN} are needed: write one with \
                 `openssl rand -base64 32`",
                token.len()
            ));
        }
        // Anything else cannot stand in a header, so that no request would ever match.
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err("must hold one word of visible ASCII characters".to_owned());
        }
        Ok(Self { sha256: Sha256::digest(token).into() })
    }

    /// Whether `presented` is the token, byte for byte. Takes the same time wherever the two differ.
    pub fn matches(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.sha256.ct_eq(&presented).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    const SECRET: &str = "s3cret-s3cret-s3cret";

    fn token_file(dir: &tempfile::TempDir, text: &[u8], mode: u32) -> PathBuf {
        let path = dir.path().join("token");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn read(text: &[u8], mode: u32) -> Result<Token> {
        let dir = tempfile::tempdir().unwrap();
        Token::from_file(&token_file(&dir, text, mode))
    }

    #[test]
    fn only_the_very_token_matches() {
        let token = read(format!("  {SECRET}\r\n").as_bytes(), 0o600).unwrap();
        assert!(token.matches(SECRET.as_bytes()));
        for wrong in ["", "s3cret-s3cret-s3cre", "s3cret-s3cret-s3cret ", "S3cret-s3cret-s3cret"] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn files_that_others_may_use_are_refused_with_the_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o660, 0o620, 0o601] {
            let message = read(SECRET.as_bytes(), mode).unwrap_err().to_string();
            assert!(message.contains("chmod 600"), "{mode:o}: {message}");
        }
        for mode in [0o600, 0o400] {
            read(SECRET.as_bytes(), mode).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        for (text, part) in [
            (&b"0123456789abcde"[..], "15 characters"),
            (b"", "0 characters"),
            (b" \n\n                  ", "0 characters"),
            (b"two words of some length", "one word"),
            (b"line-one-of-two\nline-two-of-two", "one word"),
            ("schl\u{fc}ssel-schl\u{fc}ssel".as_bytes(), "one word"),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "one word"),
            (&[b'x'; 4097], "longer than 4096 bytes"),
        ] {
            let message = read(text, 0o600).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        read(&[b'x'; 16], 0o600).unwrap();
    }

    #[test]
    fn a_missing_file_and_a_folder_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = Token::from_file(&dir.path().join("absent")).unwrap_err().to_string();
        assert!(message.contains("absent"), "{message}");
        let message = Token::from_file(dir.path()).unwrap_err().to_string();
        assert!(message.contains("is not a file"), "{message}");
    }

    #[test]
    fn neither_debug_nor_messages_show_the_token() {
        let token = read(SECRET.as_bytes(), 0o600).unwrap();
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        for (text, mode) in [(SECRET, 0o644), ("s3cret", 0o600), ("s3cret s3cret s3cret", 0o600)] {
            assert!(!read(text.as_bytes(), mode).unwrap_err().to_string().contains("s3cret"));
        }
    }
}
