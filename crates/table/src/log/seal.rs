//! The sum of a JSON file of the log (a commit, the pointer to the newest checkpoint): a CRC32C over all its bytes, in a member
//! of the last object of its last line. Bytes: `FORMAT.md`, 'Table log'.
//!
//! Commits have no names that could carry a sum, and no file beside them may be relied upon. The sum stands at the end, and
//! [`COMMIT_ID`] at the beginning: so no single sector that is lost, and no end that is cut off, takes both marks away, and a
//! commit of ours without its sum is known to be damaged. Commits of other programs have neither and pass, if they are JSON.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::actions::COMMIT_ID;
use super::replay::APP_ID_PREFIX;
use crate::checksum::read_sum;
use crate::error::{Error, ErrorKind, Result};

/// Member that holds the sum: eight hex digits, taken as zeros for the sum itself.
const SUM: &str = "annalsCrc32c";
const SUM_DIGITS: usize = 8;

/// Members of a pointer by the Delta protocol, 'Last Checkpoint File', and as delta-rs writes two of them.
const POINTER_MEMBERS: [&str; 11] = [
    "version",
    "size",
    "parts",
    "sizeInBytes",
    "size_in_bytes",
    "numOfAddFiles",
    "num_of_add_files",
    "checkpointSchema",
    "checksum",
    "tags",
    "v2Checkpoint",
];

/// Adds the sum to the bytes of a file; leaves them alone when they have it.
///
/// # Errors
/// `Internal` when the last line does not end as an object.
pub(super) fn seal(bytes: &[u8]) -> Result<Vec<u8>> {
    if find_sum(bytes).is_some() {
        return Ok(bytes.to_vec());
    }
    let not_json = || Error::new(ErrorKind::Internal, "a file of the log to be written does not end as a JSON object");
    let line = last_line(bytes);
    // A commit's action is the one member of its line; the object inside it is free to have members of ours.
    let braces = if bytes[line.clone()].ends_with(b"}}") { 2 } else { 1 };
    if !bytes[line.clone()].ends_with(b"}") || line.len() <= braces {
        return Err(not_json());
    }
    let at = line.end - braces;
    let comma = if bytes[at - 1] == b'{' { "" } else { "," };
    let member = format!("{comma}\"{SUM}\":\"{:08x}\"", 0);
    let mut sealed = Vec::with_capacity(bytes.len() + member.len());
    sealed.extend_from_slice(&bytes[..at]);
    sealed.extend_from_slice(member.as_bytes());
    sealed.extend_from_slice(&bytes[at..]);
    let digits = find_sum(&sealed).ok_or_else(not_json)?;
    let sum = format!("{:08x}", sum_of(&sealed, &digits));
    sealed[digits].copy_from_slice(sum.as_bytes());
    Ok(sealed)
}

/// Checks the bytes of a file as they were read. Answers whether they have a sum of ours.
///
/// # Errors
/// What is wrong with them, for a message that names the file.
pub(crate) fn check(bytes: &[u8]) -> Result<bool, &'static str> {
    if let Some(digits) = find_sum(bytes) {
        return match read_sum(&bytes[digits.clone()]) {
            Some(sum) if sum == sum_of(bytes, &digits) => Ok(true),
            _ => Err("its bytes are not what was written"),
        };
    }
    if is_ours(bytes) {
        return Err("its sum is gone");
    }
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).peekable();
    if lines.peek().is_none() {
        return Err("it is empty");
    }
    if lines.all(|line| serde_json::from_slice::<IgnoredAny>(line).is_ok()) { Ok(false) } else { Err("it is not JSON") }
}

/// Checks the bytes of a pointer to the newest checkpoint. It has room for no other mark of ours than its sum; so one without may
/// only have members that pointers of other programs have, and a sum whose name is damaged is not taken for one of these.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_pointer(bytes: &[u8]) -> Result<bool, &'static str> {
    if check(bytes)? {
        return Ok(true);
    }
    match serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes) {
        Ok(members) if members.keys().all(|name| POINTER_MEMBERS.contains(&name.as_str())) => Ok(false),
        Ok(_) => Err("it has neither its sum nor members of the protocol alone"),
        Err(_) => Err("it is no JSON object"),
    }
}

/// Whether a commit says that we wrote it, by what is not the sum.
fn is_ours(bytes: &[u8]) -> bool {
    let contains = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    contains(&format!("\"{COMMIT_ID}\":")) || contains(&format!("\"appId\":\"{APP_ID_PREFIX}"))
}

/// Where the digits of the sum stand: in the last line only, so that a line of ours that another program took over into a
/// commit of its own is not taken for its sum.
fn find_sum(bytes: &[u8]) -> Option<Range<usize>> {
    let line = last_line(bytes);
    let prefix = format!("\"{SUM}\":\"");
    let at = bytes[line.clone()].windows(prefix.len()).rposition(|window| window == prefix.as_bytes())?;
    let start = line.start + at + prefix.len();
    let end = start + SUM_DIGITS;
    (end <= line.end).then_some(start..end)
}

/// The last line that is not blank, without the white space behind it.
fn last_line(bytes: &[u8]) -> Range<usize> {
    let end = bytes.trim_ascii_end().len();
    let start = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    start..end
}

fn sum_of(bytes: &[u8], digits: &Range<usize>) -> u32 {
    let sum = crc32c::crc32c(&bytes[..digits.start]);
    let sum = crc32c::crc32c_append(sum, &[b'0'; SUM_DIGITS]);
    crc32c::crc32c_append(sum, &bytes[digits.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by one damage to one file of a store: with its sum's name damaged, a pointer passed for another program's.
    #[test]
    fn a_pointer_of_ours_is_never_taken_for_another_program_s() {
        let plain = br#"{"version":12,"size":3,"sizeInBytes":1000,"numOfAddFiles":1}"#;
        assert_eq!(check_pointer(plain), Ok(false));
        let sealed = seal(plain).unwrap();
        assert_eq!(check_pointer(&sealed), Ok(true));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                check_pointer(&damaged).unwrap_err();
            }
        }
    }

    const COMMIT: &str = "{\"commitInfo\":{\"operation\":\"WRITE\",\"annalsCommitId\":\"x\"}}\n\
        {\"add\":{\"path\":\"a\",\"size\":7,\"stats\":\"{\\\"numRecords\\\":1}\"}}\n\
        {\"txn\":{\"appId\":\"annals-0000beef\",\"version\":10}}\n";
    const FOREIGN: &str = "{\"commitInfo\":{\"engineInfo\":\"Spark\"}}\n{\"remove\":{\"path\":\"a\"}}";

    #[test]
    fn a_sealed_file_is_json_with_one_member_more_and_checks() {
        for (text, expected) in [
            (COMMIT, "\"version\":10,\"annalsCrc32c\":\""),
            ("{\"metaData\":{\"configuration\":{}}}\n", "{\"metaData\":{\"configuration\":{},\"annalsCrc32c\":\""),
            ("{\"version\":3,\"size\":7}", "\"size\":7,\"annalsCrc32c\":\""),
            ("{\"commitInfo\":{}}", "{\"commitInfo\":{\"annalsCrc32c\":\""),
        ] {
            let sealed = seal(text.as_bytes()).unwrap();
            let shown = std::str::from_utf8(&sealed).unwrap();
            assert!(shown.contains(expected), "{shown}");
            assert!(shown.lines().all(|line| serde_json::from_str::<IgnoredAny>(line).is_ok()), "{shown}");
            assert_eq!(check(&sealed), Ok(true));
            assert_eq!(seal(&sealed).unwrap(), sealed, "sealing again changes nothing");
        }
        for text in ["", "\n", "}", "[]", "{\"a\":1", "text"] {
            assert_eq!(seal(text.as_bytes()).unwrap_err().kind(), ErrorKind::Internal, "{text:?}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let sealed = seal(COMMIT.as_bytes()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bytes).is_err(), "bit {bit}: {}", String::from_utf8_lossy(&bytes));
        }
        for left in 0..sealed.len() {
            assert!(check(&sealed[..left]).is_err(), "cut to {left}");
        }
        let mut longer = sealed.clone();
        longer.push(b'\n');
        assert!(check(&longer).is_err());
    }

    #[test]
    fn commits_of_other_programs_pass_if_they_are_json() {
        assert_eq!(check(FOREIGN.as_bytes()), Ok(false));
        assert_eq!(check(format!("\n{FOREIGN}\r\n\n").as_bytes()), Ok(false));
        for damaged in [&FOREIGN[..FOREIGN.len() - 1], "", "\n \n", "\0\0\0", "{\"add\":{}}\nx"] {
            assert!(check(damaged.as_bytes()).is_err(), "{damaged:?}");
        }
        // A line of ours that others carry on does not make their commit ours, unless it is the last.
        let theirs = format!("{{\"metaData\":{{\"annalsCrc32c\":\"00000000\"}}}}\n{FOREIGN}");
        assert_eq!(check(theirs.as_bytes()), Ok(false));
    }

    #[test]
    fn a_commit_of_ours_without_its_sum_is_damaged() {
        assert_eq!(check(COMMIT.as_bytes()), Err("its sum is gone"));
        for line in COMMIT.lines().filter(|line| line.contains("annals")) {
            assert_eq!(check(line.as_bytes()), Err("its sum is gone"), "{line}");
        }
    }
}
