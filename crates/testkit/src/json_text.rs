//! [`JsonText`]: writes JSON text straight into a byte buffer. Callers pass text that needs no escaping.

const HEX: &[u8; 16] = b"0123456789abcdef";
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// An output buffer with the few shapes that the events are made of; every method appends and returns itself.
pub(crate) struct JsonText<'a>(pub(crate) &'a mut Vec<u8>);

impl JsonText<'_> {
    /// `text` as it is: punctuation, member names, or words known to need no escape.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A decimal number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
        self
    }

    /// A number padded with zeros to `width` digits.
    pub(crate) fn padded(&mut self, number: u64, width: u32) -> &mut Self {
        for place in (0..width).rev() {
            self.0.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
        }
        self
    }

    /// A version 4 UUID, without quotes.
    pub(crate) fn uuid(&mut self, bits: u128) -> &mut Self {
        let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut text = [b'-'; 36];
        let mut shift = 128;
        for (place, byte) in text.iter_mut().enumerate() {
            if !matches!(place, 8 | 13 | 18 | 23) {
                shift -= 4;
                *byte = HEX[(bits >> shift) as usize & 15];
            }
        }
        self.0.extend_from_slice(&text);
        self
    }

    /// The lowest `digits` hexadecimal digits.
    pub(crate) fn hex(&mut self, bits: u128, digits: u32) -> &mut Self {
        self.0.extend((0..digits).rev().map(|place| HEX[(bits >> (4 * place)) as usize & 15]));
        self
    }

    /// A ULID of a time and 80 further bits, without quotes.
    pub(crate) fn ulid(&mut self, time_us: i64, bits: u128) -> &mut Self {
        let value = u128::from((time_us / 1_000) as u64 & 0xffff_ffff_ffff) << 80 | bits & ((1 << 80) - 1);
        self.0.extend((0..26).rev().map(|place| CROCKFORD[(value >> (5 * place)) as usize & 31]));
        self
    }

    /// `count` letters and digits, as record ids and opaque cursors have them.
    pub(crate) fn letters(&mut self, bits: u128, count: u32) -> &mut Self {
        let mut rest = bits;
        for _ in 0..count {
            self.0.push(ALPHANUMERIC[(rest % 62) as usize]);
            rest = (rest / 62) ^ (rest << 121);
        }
        self
    }

    /// `2026-05-31T10:00:00.123Z`, without quotes.
    pub(crate) fn time(&mut self, time_us: i64) -> &mut Self {
        let (year, month, day) = date_of(time_us.div_euclid(86_400_000_000));
        let of_day = time_us.rem_euclid(86_400_000_000) as u64 / 1_000;
        self.padded(year, 4).raw("-").padded(month, 2).raw("-").padded(day, 2).raw("T");
        self.padded(of_day / 3_600_000, 2).raw(":").padded(of_day / 60_000 % 60, 2).raw(":");
        self.padded(of_day / 1_000 % 60, 2).raw(".").padded(of_day % 1_000, 3).raw("Z")
    }

    /// `a` or `b` in small letters.
    pub(crate) fn lower(&mut self, text: &str) -> &mut Self {
        self.0.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
        self
    }
}

/// Year, month and day of a count of days since 1970-01-01 (the days-to-civil algorithm of Howard Hinnant).
fn date_of(days: i64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u64, month as u64, day as u64)
}
