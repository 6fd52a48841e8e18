//! The name a person may have meant.

/// The name of `names` that takes the fewest edits from `wanted`, if those are at most a third of its length (at least
/// two). Case, `_` and `-` do not count.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is this long; the work below grows with the product of both lengths.
    const WANTED_CHARS_MAX: usize = 64;
    let fold = |text: &str| -> Vec<char> {
        text.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
    };
    if wanted.chars().count() > WANTED_CHARS_MAX {
        return None;
    }
    let wanted = fold(wanted);
    names
        .into_iter()
        .map(|name| (edits(&wanted, &fold(name)), name))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, name)| *edits <= (name.len() / 3).max(2))
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn edits(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_forgives_case_dashes_and_typos() {
        let names = ["memory", "http", "request_bytes_max"];
        assert_eq!(nearest("memry", names), Some("memory"));
        assert_eq!(nearest("Request-Bytes-Max", names), Some("request_bytes_max"));
        assert_eq!(nearest("request_byte_max", names), Some("request_bytes_max"));
        assert_eq!(nearest("sandwiches", names), None);
        assert_eq!(nearest(&"memory".repeat(100), names), None);
    }
}
