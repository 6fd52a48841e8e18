//! The grammar of JSON's scalars: strings, numbers, literals (RFC 8259, strictly), and the text that a string stands for.

use std::borrow::Cow;

use super::{Kind, Scan, Span, Value, syntax};

#[inline]
pub(super) fn scalar(text: &[u8], at: usize) -> Scan<Value> {
    let literal = |word: &[u8], kind| {
        if text[at..].starts_with(word) {
            Ok(Value { span: Span { start: at, end: at + word.len() }, kind })
        } else {
            syntax(at, "expected true, false or null")
        }
    };
    match text.get(at) {
        Some(b'"') => string(text, at),
        Some(b'-' | b'0'..=b'9') => number(text, at),
        Some(b't') => literal(b"true", Kind::Bool),
        Some(b'f') => literal(b"false", Kind::Bool),
        Some(b'n') => literal(b"null", Kind::Null),
        Some(_) => syntax(at, "expected a value"),
        None => syntax(at, "the text ends where a value was expected"),
    }
}

#[inline]
pub(super) fn string(text: &[u8], start: usize) -> Scan<Value> {
    let mut at = start + 1;
    let mut kind = Kind::Plain;
    loop {
        at = ordinary(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(Value { span: Span { start, end: at + 1 }, kind }),
            Some(b'\\') => {
                kind = Kind::Escaped;
                at = escape(text, at)?;
            }
            Some(_) => return syntax(at, "a control character in a string must be escaped"),
            None => return syntax(at, "a string is not closed"),
        }
    }
}

/// Position of the first quote, backslash or control character from `at` on, eight bytes at a time.
#[inline]
pub(crate) fn ordinary(text: &[u8], at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut at = at;
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the chunk is eight bytes"));
        // A byte is zero where `(x - 1) & !x` has its high bit, below 0x20 where `(x - 0x20) & !x` has. A borrow can only
        // mark bytes above the first true one, and only the first is used.
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = text.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}

/// Position behind the escape at `at`. Halves of surrogate pairs pass: they are JSON, if not text.
fn escape(text: &[u8], at: usize) -> Scan<usize> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if text.get(at + 2..at + 6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => {
            Ok(at + 6)
        }
        Some(b'u') => syntax(at, "expected four hexadecimal digits after \\u"),
        _ => syntax(at, "unknown escape in a string"),
    }
}

fn number(text: &[u8], start: usize) -> Scan<Value> {
    let digits = |at: usize| {
        let mut at = at;
        while let Some(b'0'..=b'9') = text.get(at) {
            at += 1;
        }
        at
    };
    let first = if text[start] == b'-' { start + 1 } else { start };
    let mut end = digits(first);
    if end == first {
        return syntax(end, "expected a digit after '-'");
    }
    if text[first] == b'0' && end > first + 1 {
        return syntax(first, "a number must not start with 0");
    }
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == end + 1 {
            return syntax(fraction, "expected a digit after '.'");
        }
        end = fraction;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == end + 1 + sign {
            return syntax(exponent, "expected a digit in the exponent");
        }
        end = exponent;
    }
    Ok(Value { span: Span { start, end }, kind: Kind::Number })
}

/// The text of a scanned string between its quotes; `None` when it holds half a surrogate pair, which is no text.
pub(crate) fn unescape(inside: &str, kind: Kind) -> Option<Cow<'_, str>> {
    if kind == Kind::Plain {
        return Some(Cow::Borrowed(inside));
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = &rest[at + 2..];
        out.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = hex4(rest)?;
                rest = &rest[4..];
                if (0xd800..0xdc00).contains(&first) {
                    let second = hex4(rest.strip_prefix("\\u")?)?;
                    rest = &rest[6..];
                    if !(0xdc00..0xe000).contains(&second) {
                        return None;
                    }
                    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
                } else {
                    char::from_u32(first)?
                }
            }
            other => other.into(),
        });
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

fn hex4(text: &str) -> Option<u32> {
    u32::from_str_radix(text.get(..4)?, 16).ok()
}
