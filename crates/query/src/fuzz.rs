//! What must hold for every text that names a place: seeded mutations of `tests/corpus`.

use annals_testkit::Fuzz;

use crate::{Cursor, Position};

#[test]
fn fuzzed_cursors_are_ours_or_refused() {
    let fuzz = Fuzz { promise: 13, what: "cursors, mutated", corpus: "cursor", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        check(&text)?;
        // Few mutations keep the checksum; what stands behind it must be met as well.
        check(&sealed(&text))
    });
}

fn check(text: &str) -> Result<(), String> {
    match text.parse::<Cursor>() {
        Ok(cursor) if cursor.to_string() == text => Ok(()),
        Ok(cursor) => Err(format!("{text} was read as {cursor}")),
        Err(error) if error.to_string().is_empty() => Err("refused without a reason".into()),
        Err(_) => Ok(()),
    }
}

/// The bytes that the hexadecimal digits of `text` say, but for the last four, with their checksum behind them.
fn sealed(text: &str) -> String {
    let digits: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(16)).collect();
    let mut bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| (high << 4 | low) as u8).collect();
    bytes.truncate(bytes.len().saturating_sub(4));
    if let Some(version) = bytes.first_mut() {
        *version = 1;
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn fuzzed_positions_are_ours_or_refused() {
    let fuzz = Fuzz { promise: 13, what: "positions of a tail, mutated", corpus: "position", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        match text.parse::<Position>() {
            Ok(position) if position.to_string() == text => Ok(()),
            Ok(position) => Err(format!("{text} was read as {position}")),
            Err(error) if error.to_string().is_empty() => Err("refused without a reason".into()),
            Err(_) => Ok(()),
        }
    });
}
