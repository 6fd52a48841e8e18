//! Times as text: RFC 3339 in and out, epoch numbers by magnitude, and the bounds and durations people type.
//!
//! Everything is microseconds since the Unix epoch, UTC. Years run from 0000 to 9999; finer fractions are cut, not rounded.

use crate::day::DAY_US;
use crate::error::{Error, Result};

const SECOND_US: i64 = 1_000_000;

/// First microsecond of the year 2000: below it a number is more likely a mistake of unit than a time.
pub(crate) const YEAR_2000_US: i64 = 946_684_800 * SECOND_US;

/// The years that four digits can write, in UTC.
const YEARS_START_US: i64 = days_from_civil(0, 1, 1) * DAY_US;
const YEARS_END_US: i64 = days_from_civil(10_000, 1, 1) * DAY_US;

/// Reads RFC 3339 (`2026-05-31T12:00:00.5+02:00`; `t`, `z` and a space for `T` are allowed), a date-time without zone or
/// seconds (taken as UTC), or a date (its midnight, UTC).
///
/// Digits beyond microseconds are cut. A leap second counts as the first second of the next minute.
///
/// # Errors
/// `Invalid` when `text` is none of these.
pub fn parse_timestamp(text: &str) -> Result<i64> {
    parse_rfc3339(text.as_bytes()).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::invalid(format!("{shown:?} is not a time: use RFC 3339, such as 2026-05-31T12:00:00Z"))
    })
}

/// Writes `2026-05-31T12:00:00.123456Z`: always six digits of fraction, always UTC.
pub fn format_timestamp(us: i64) -> String {
    let mut out = Vec::with_capacity(27);
    write_timestamp(us, &mut out);
    String::from_utf8(out).expect("timestamps are written in ASCII")
}

/// Reads a bound of a time range: a time as in [`parse_timestamp`], `now`, or a duration as in [`parse_duration_us`],
/// which means that long before `now_us`.
///
/// # Errors
/// `Invalid` when `text` is none of these.
pub fn parse_time_bound(text: &str, now_us: i64) -> Result<i64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now_us);
    }
    if let Some(duration) = duration_us(text) {
        return Ok(now_us.saturating_sub(duration));
    }
    parse_rfc3339(text.as_bytes()).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::invalid(format!(
            "{shown:?} is not a time: use RFC 3339 (2026-05-31T12:00:00Z), a date, now, or a duration before now such as 24h or 7d"
        ))
    })
}

/// Reads a duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`, `w`, as in `90s` or `7d`. Answers microseconds.
///
/// # Errors
/// `Invalid` when `text` is not a duration or is too long to count in microseconds.
pub fn parse_duration_us(text: &str) -> Result<i64> {
    duration_us(text.trim()).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::invalid(format!(
            "{shown:?} is not a duration: use a whole number and ms, s, m, h, d or w, such as 90s or 7d"
        ))
    })
}

fn duration_us(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit_us = match &text[digits..] {
        "ms" => 1_000,
        "s" => SECOND_US,
        "m" | "min" => 60 * SECOND_US,
        "h" => 3_600 * SECOND_US,
        "d" => DAY_US,
        "w" => 7 * DAY_US,
        _ => return None,
    };
    text[..digits].parse::<i64>().ok()?.checked_mul(unit_us)
}

/// Reads a JSON number (or a string of one) as a time: seconds below 1e11, milliseconds below 1e14, microseconds below
/// 1e17, nanoseconds from there. The bounds are the year 5138 in one unit and 1973 in the next, so they never meet.
///
/// `None` when the text is no plain decimal number or its time cannot be counted in microseconds.
pub(crate) fn parse_epoch(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut whole, mut fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    // Numbers with an exponent are rare (some encoders write large floats so): give them their plain digits.
    let expanded;
    if digits.contains(['e', 'E']) {
        let value: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite() && *value < 1e19)?;
        expanded = format!("{value:.6}");
        (whole, fraction) = expanded.split_once('.')?;
    }
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    // Unit by unit: how many microseconds one is, and how many of the fraction's digits still count.
    let (unit_us, fraction_digits) = match whole {
        0..100_000_000_000 => (SECOND_US, 6),
        100_000_000_000..100_000_000_000_000 => (1_000, 3),
        100_000_000_000_000..100_000_000_000_000_000 => (1, 0),
        _ => return i64::try_from(whole / 1_000).ok().map(|us| if negative { -us } else { us }),
    };
    let mut us = i64::try_from(whole).ok()?.checked_mul(unit_us)?;
    let mut digit_us = unit_us / 10;
    for digit in fraction.bytes().take(fraction_digits) {
        us += i64::from(digit - b'0') * digit_us;
        digit_us /= 10;
    }
    Some(if negative { -us } else { us })
}

/// The bytes behind [`parse_timestamp`].
pub(crate) fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight_us = days_from_civil(year, month, day) * DAY_US;
    let Some((separator, rest)) = text[10..].split_first() else { return Some(midnight_us) };
    if !matches!(separator, b'T' | b't' | b' ') || rest.len() < 5 || rest[2] != b':' {
        return None;
    }
    let (hour, minute) = (number(&rest[..2])?, number(&rest[3..5])?);
    let mut at = 5;
    let mut second = 0;
    let mut fraction_us = 0;
    if rest.get(at) == Some(&b':') {
        second = number(rest.get(at + 1..at + 3)?)?;
        at += 3;
        if matches!(rest.get(at), Some(b'.' | b',')) {
            at += 1;
            let digits = rest[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            let mut digit_us = SECOND_US / 10;
            for digit in &rest[at..at + digits.min(6)] {
                fraction_us += i64::from(digit - b'0') * digit_us;
                digit_us /= 10;
            }
            at += digits;
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset_s = zone_offset_s(&rest[at..])?;
    let us = midnight_us + (hour * 3_600 + minute * 60 + second - offset_s) * SECOND_US + fraction_us;
    // An offset, or a leap second, may lead out of the years that can be written.
    (YEARS_START_US..YEARS_END_US).contains(&us).then_some(us)
}

/// Seconds east of UTC: nothing or `Z`, `+hh:mm`, `+hhmm`, `+hh`.
fn zone_offset_s(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hour, minute) = match digits.len() {
        2 => (number(digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        5 if digits[2] == b':' => (number(&digits[..2])?, number(&digits[3..])?),
        _ => return None,
    };
    (hour <= 23 && minute <= 59).then_some(sign * (hour * 3_600 + minute * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Howard Hinnant, `days_from_civil`).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// [`format_timestamp`] onto a buffer.
pub(crate) fn write_timestamp(us: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(us.div_euclid(DAY_US));
    let in_day_us = us.rem_euclid(DAY_US);
    let second = in_day_us / SECOND_US;
    if !(0..=9_999).contains(&year) {
        // Beyond what RFC 3339 can say; no event gets here (see `DecodeSettings`), but a column may hold anything.
        let sign = if year < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("{sign}{:06}", year.abs()).as_bytes());
    } else {
        push_digits(out, year, 4);
    }
    for (separator, value) in
        [(b'-', month), (b'-', day), (b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(separator);
        push_digits(out, value, 2);
    }
    out.push(b'.');
    push_digits(out, in_day_us % SECOND_US, 6);
    out.push(b'Z');
}

fn push_digits(out: &mut Vec<u8>, value: i64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut left = value;
    for slot in out[start..].iter_mut().rev() {
        *slot = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_offset_that_leads_out_of_the_years_is_no_time() {
        for text in ["9999-12-31T23:59:59.9999-12", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+00:01"] {
            parse_timestamp(text).unwrap_err();
        }
        for text in ["9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00.000000Z"] {
            assert_eq!(format_timestamp(parse_timestamp(text).unwrap()), text);
        }
    }

    #[test]
    fn times_with_offsets_and_fractions_become_utc_microseconds() {
        for (text, shown) in [
            ("2026-05-31T12:00:00Z", "2026-05-31T12:00:00.000000Z"),
            ("2026-05-31T12:00:00.5+02:00", "2026-05-31T10:00:00.500000Z"),
            ("2026-05-31t12:00:00.1234569z", "2026-05-31T12:00:00.123456Z"),
            ("2026-05-31 12:00:00-0330", "2026-05-31T15:30:00.000000Z"),
            ("2026-05-31", "2026-05-31T00:00:00.000000Z"),
            ("2026-05-31T12:00", "2026-05-31T12:00:00.000000Z"),
            ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("0000-03-01T00:00:00Z", "0000-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(format_timestamp(parse_timestamp(text).unwrap()), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-05-31T24:00:00Z",
            "2026-05-31T12:60:00Z",
            "2026-05-31T12:00:00.Z",
            "2026-05-31T12:00:00+",
            "2026-05-31T12:00:00+25:00",
            "2026-05-31T",
            "2026-5-31",
            "2026-05-31T12:00:00Zx",
            "+026-05-31",
            "2026-05-3é",
        ] {
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_by_magnitude() {
        let expected = parse_timestamp("2026-05-31T12:00:00Z").unwrap();
        let seconds = expected / SECOND_US;
        for text in [
            format!("{seconds}"),
            format!("{seconds}000"),
            format!("{seconds}000000"),
            format!("{seconds}000000999"),
            format!("{seconds}.0"),
            format!("{}.{}e9", seconds / 1_000_000_000, seconds % 1_000_000_000),
        ] {
            assert_eq!(parse_epoch(&text), Some(expected), "{text}");
        }
        assert_eq!(parse_epoch(&format!("{seconds}.1234567")), Some(expected + 123_456));
        assert_eq!(parse_epoch(&format!("{seconds}123.456")), Some(expected + 123_456));
        assert_eq!(parse_epoch("-1.5"), Some(-1_500_000));
        for text in ["", "-", "1.", ".5", "1x", "99999999999999999999", "1e300", "NaN", "1.2.3", "--1", "+1"] {
            assert_eq!(parse_epoch(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_are_times_or_lengths_before_now() {
        let now_us = parse_timestamp("2026-05-31T12:00:00Z").unwrap();
        let shown = |text| format_timestamp(parse_time_bound(text, now_us).unwrap());
        assert_eq!(shown("24h"), "2026-05-30T12:00:00.000000Z");
        assert_eq!(shown("2w"), "2026-05-17T12:00:00.000000Z");
        assert_eq!(shown(" 90s "), "2026-05-31T11:58:30.000000Z");
        assert_eq!(shown("now"), "2026-05-31T12:00:00.000000Z");
        assert_eq!(shown("2026-05-01"), "2026-05-01T00:00:00.000000Z");
        assert!(parse_time_bound("7 days", now_us).is_err());
        assert_eq!(parse_duration_us("250ms").unwrap(), 250_000);
        assert!(parse_duration_us("99999999999999w").is_err());
        assert!(parse_duration_us("é").is_err());
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back(us in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse_timestamp(&format_timestamp(us)).unwrap(), us);
        }

        #[test]
        fn dates_agree_with_chrono(us in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let expected = chrono::DateTime::from_timestamp_micros(us).unwrap();
            prop_assert_eq!(format_timestamp(us), expected.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_timestamp(&text);
            let _ = parse_epoch(&text);
            let _ = parse_time_bound(&text, 0);
        }
    }
}
