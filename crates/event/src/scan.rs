//! A strict JSON scanner: finds where a value ends, proves it is JSON on the way, and keeps the limits of nesting and size.
//!
//! It builds no values and never recurses; one pass yields the spans the decoder stores. Bytes of 0x80 and above are taken
//! as they are inside strings and refused elsewhere: whoever needs text checks UTF-8 over the whole record, which is faster.

mod token;

use std::fmt;

use memchr::memchr2;

use crate::settings::DecodeLimits;

pub(crate) use token::{ordinary, unescape};
use token::{scalar, string};

/// A range of the scanned bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end]
    }

    pub(crate) fn of_text(self, text: &str) -> &str {
        &text[self.start..self.end]
    }
}

/// What a scanned value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string without escapes: the span without its quotes is its text.
    Plain,
    /// A string with escapes.
    Escaped,
    Number,
    Bool,
    Null,
    Array,
    Object,
}

/// A value's extent (strings with their quotes) and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

impl Value {
    /// The text of a string that is [`Kind::Plain`], or the bytes between the quotes of one that is escaped.
    pub(crate) fn inside(self) -> Span {
        Span { start: self.span.start + 1, end: self.span.end - 1 }
    }
}

/// Why a scan stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    /// Byte at which it stopped.
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The text is not JSON: what was expected.
    Syntax(&'static str),
    Depth(usize),
    Members(usize),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(expected) => f.write_str(expected),
            Self::Depth(max) => write!(f, "nested deeper than the limit of {max}"),
            Self::Members(max) => write!(f, "an object has more members than the limit of {max}"),
        }
    }
}

/// Scans values of one text. Keep it between texts to keep its stack.
#[derive(Debug)]
pub(crate) struct Scanner {
    depth_max: usize,
    members_max: u32,
    /// One entry for each open array or object: `ARRAY`, or the members seen so far.
    stack: Vec<u32>,
}

const ARRAY: u32 = u32::MAX;

type Scan<T> = Result<T, ScanError>;

fn syntax<T>(at: usize, expected: &'static str) -> Scan<T> {
    Err(ScanError { at, problem: Problem::Syntax(expected) })
}

impl Scanner {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        let members_max = u32::try_from(limits.members_max).unwrap_or(ARRAY - 1).min(ARRAY - 1);
        Self { depth_max: limits.depth_max, members_max, stack: Vec::new() }
    }

    /// Scans the object that opens at `at`, telling `member` of each of its own members (name, value) in order.
    /// Answers the position behind it.
    pub(crate) fn object(&mut self, text: &[u8], at: usize, mut member: impl FnMut(Value, Value)) -> Scan<usize> {
        if text.get(at) != Some(&b'{') {
            return syntax(at, "expected an object");
        }
        let mut at = space(text, at + 1);
        if text.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let mut members = 0;
        loop {
            members += 1;
            if members > self.members_max {
                return Err(ScanError { at, problem: Problem::Members(self.members_max as usize) });
            }
            let name = name(text, at)?;
            at = colon(text, name.span.end)?;
            let value = self.value(text, at, 1)?;
            member(name, value);
            at = space(text, value.span.end);
            match text.get(at) {
                Some(b',') => at = space(text, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return syntax(at, "expected ',' or '}' after a member"),
            }
        }
    }

    /// Scans the array that opens at `at`, telling `element` of each element in order. Answers the position behind it.
    pub(crate) fn array(&mut self, text: &[u8], at: usize, mut element: impl FnMut(Value)) -> Scan<usize> {
        if text.get(at) != Some(&b'[') {
            return syntax(at, "expected an array");
        }
        let mut at = space(text, at + 1);
        if text.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            let value = self.value(text, at, 1)?;
            element(value);
            at = space(text, value.span.end);
            match text.get(at) {
                Some(b',') => at = space(text, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return syntax(at, "expected ',' or ']' after an element"),
            }
        }
    }

    /// Scans the value that starts at `at`, inside `outer` arrays and objects.
    #[inline]
    pub(crate) fn value(&mut self, text: &[u8], at: usize, outer: usize) -> Scan<Value> {
        match text.get(at) {
            Some(b'{') => self.nested(text, at, outer, Kind::Object),
            Some(b'[') => self.nested(text, at, outer, Kind::Array),
            _ => scalar(text, at),
        }
    }

    /// Scans an array or object without recursion, so that no depth can exhaust the thread's stack.
    fn nested(&mut self, text: &[u8], start: usize, outer: usize, kind: Kind) -> Scan<Value> {
        self.stack.clear();
        let mut at = start;
        'value: loop {
            // At the start of a value.
            match text.get(at) {
                Some(open @ (b'{' | b'[')) => {
                    if outer + self.stack.len() >= self.depth_max {
                        return Err(ScanError { at, problem: Problem::Depth(self.depth_max) });
                    }
                    let is_object = *open == b'{';
                    let close = open + 2; // '{' and '}', '[' and ']' are two apart in ASCII.
                    self.stack.push(if is_object { 1 } else { ARRAY });
                    at = space(text, at + 1);
                    if text.get(at) != Some(&close) {
                        if is_object {
                            at = colon(text, name(text, at)?.span.end)?;
                        }
                        continue 'value;
                    }
                    self.stack.pop();
                    at += 1;
                }
                _ => at = scalar(text, at)?.span.end,
            }
            // Behind a value: go on in, or close, what holds it.
            loop {
                let Some(top) = self.stack.last_mut() else {
                    return Ok(Value { span: Span { start, end: at }, kind });
                };
                at = space(text, at);
                match (text.get(at), *top == ARRAY) {
                    (Some(b','), true) => {
                        at = space(text, at + 1);
                        continue 'value;
                    }
                    (Some(b','), false) => {
                        *top += 1;
                        if *top > self.members_max {
                            return Err(ScanError { at, problem: Problem::Members(self.members_max as usize) });
                        }
                        at = space(text, at + 1);
                        at = colon(text, name(text, at)?.span.end)?;
                        continue 'value;
                    }
                    (Some(b']'), true) | (Some(b'}'), false) => {
                        self.stack.pop();
                        at += 1;
                    }
                    (_, true) => return syntax(at, "expected ',' or ']' after an element"),
                    (_, false) => return syntax(at, "expected ',' or '}' after a member"),
                }
            }
        }
    }
}

/// Position of the first byte from `at` on that is not white space.
#[inline]
pub(crate) fn space(text: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Position behind the array or object at `at`, found by its brackets and strings alone, or the end of the text.
///
/// For stepping over an element that broke a limit: what lies inside is not proven to be JSON.
pub(crate) fn skip_unproven(text: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at += 1;
                while let Some(found) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
                    at += found;
                    if text[at] == b'"' {
                        break;
                    }
                    at += 2;
                }
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(text.len())
}

#[inline]
fn name(text: &[u8], at: usize) -> Scan<Value> {
    if text.get(at) == Some(&b'"') { string(text, at) } else { syntax(at, "expected a member name in quotes") }
}

/// Position of the value behind a member's name.
#[inline]
fn colon(text: &[u8], at: usize) -> Scan<usize> {
    let at = space(text, at);
    if text.get(at) == Some(&b':') { Ok(space(text, at + 1)) } else { syntax(at, "expected ':' after a member name") }
}

#[cfg(test)]
mod tests;
