//! The characters of a text as they are meant: JSON escapes decoded, plain text as it is.
//!
//! Words and needles are both defined on these characters, so what is found and what is indexed cannot drift apart.

use super::token::Kind;

/// Stands for half of a surrogate pair, which is no character; a separator.
const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// The character at `at` and where the next one starts; `None` at the end.
///
/// In JSON `\n \t \r \b \f` are control characters, `\" \\ \/` the character itself, `\uXXXX` its character (two of them
/// where they are a surrogate pair; U+FFFD for half of one). Any other backslash stands for itself.
///
/// # Panics
///
/// When `at` is not at a character.
pub(crate) fn char_at(text: &str, at: usize, kind: Kind) -> Option<(char, usize)> {
    let char = text[at..].chars().next()?;
    let next = at + char.len_utf8();
    if char != '\\' || kind == Kind::Plain {
        return Some((char, next));
    }
    let bytes = text.as_bytes();
    let meant = match bytes.get(next) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
        Some(b'u') => return Some(unicode_escape(bytes, at).unwrap_or((char, next))),
        _ => return Some((char, next)),
    };
    Some((meant, next + 1))
}

/// Puts the characters of `text` into `folded`, ASCII letters in lower case: the form in which needles are compared.
pub(crate) fn fold(text: &str, kind: Kind, folded: &mut String) {
    folded.clear();
    let mut at = 0;
    if kind == Kind::Json {
        while let Some(plain) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
            folded.push_str(&text[at..at + plain]);
            at += plain;
            let Some((char, next)) = char_at(text, at, kind) else { break };
            folded.push(char);
            at = next;
        }
    }
    folded.push_str(&text[at..]);
    folded.make_ascii_lowercase();
}

/// The character of the `\uXXXX` at `at`, or of the pair that starts there; `None` when its digits are not all there.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = code_unit(bytes, at)?;
    let next = at + 6;
    if let Some(char) = char::from_u32(first) {
        return Some((char, next));
    }
    let pair = code_unit(bytes, next).filter(|second| first < 0xDC00 && (0xDC00..0xE000).contains(second));
    let char = pair.and_then(|second| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
    Some(char.map_or((NO_CHARACTER, next), |char| (char, next + 6)))
}

/// The UTF-16 code unit of the escape at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}
