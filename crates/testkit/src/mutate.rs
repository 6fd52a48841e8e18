//! [`Mutator`]: a seeded hand that spoils bytes, for tests of whatever reads bytes from outside.
//!
//! Two ways. [`Mutator::mutate`] is for fuzz tests of parsers: several small edits of the kinds that find faults in them
//! (flipped bits, numbers at the edges of their types, pieces that are cut out, moved, repeated or taken from an input seen
//! before). [`Mutator::damage`] is for files: exactly one fault of the kinds that disks and file systems make, told so that a
//! message can name it. Equal seeds and inputs give equal outcomes, on every platform.

use std::fmt;

use crate::chance::Chance;

/// What a disk writes at once, and what it loses at once.
const SECTOR_BYTES: usize = 512;
/// What a file system or page cache loses at once.
const PAGE_BYTES: usize = 4096;
/// Edits of one mutation, at most.
const EDITS_MAX: u32 = 6;
/// Bytes that one edit puts in or takes out, at most; longer pieces only make the outcome more like noise.
const PIECE_BYTES_MAX: u32 = 64;
/// Earlier inputs that pieces are taken from, and bytes kept of each.
const REMEMBERED_MAX: usize = 16;
const REMEMBERED_BYTES_MAX: usize = 16 << 10;

/// Numbers where arithmetic goes wrong; cut to the width at hand.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// The same as text, and pieces that readers of text stumble over.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1e999",
    "-0.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "null",
    "true",
    "{}",
    "[]",
    "[[[[[[[[",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\0",
    "\n",
    "\r\n",
    "\u{feff}",
    "../",
    "%2e%2e%2f",
    "\u{10ffff}",
];

/// Spoils bytes.
#[derive(Clone, Debug)]
pub struct Mutator {
    chance: Chance,
    remembered: Vec<Vec<u8>>,
}

/// One fault of a file, as [`Mutator::damage`] made it. Positions are in the bytes as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit has the other value.
    Flipped {
        /// Which byte.
        at: usize,
        /// Which bit of it, 0 is the lowest.
        bit: u8,
    },
    /// A sector or page is all zeros, as one that never reached the disk.
    Zeroed {
        /// First byte.
        at: usize,
        /// How many.
        bytes: usize,
    },
    /// The file ends early.
    Cut {
        /// Bytes that are left.
        left: usize,
    },
    /// A sector or page holds what another one of the same file holds.
    Overwritten {
        /// First byte of the place that is lost.
        at: usize,
        /// First byte of the place that is there twice.
        from: usize,
        /// How many.
        bytes: usize,
    },
    /// A sector or page holds noise.
    Scrambled {
        /// First byte.
        at: usize,
        /// How many.
        bytes: usize,
    },
    /// The file goes on with noise behind its end.
    Extended {
        /// How many bytes more.
        bytes: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flipped { at, bit } => write!(f, "bit {bit} of byte {at} flipped"),
            Self::Zeroed { at, bytes } => write!(f, "{bytes} bytes at {at} zeroed"),
            Self::Cut { left } => write!(f, "cut to {left} bytes"),
            Self::Overwritten { at, from, bytes } => write!(f, "{bytes} bytes at {at} overwritten by those at {from}"),
            Self::Scrambled { at, bytes } => write!(f, "{bytes} bytes at {at} scrambled"),
            Self::Extended { bytes } => write!(f, "{bytes} bytes of noise behind the end"),
        }
    }
}

impl Mutator {
    /// One whose choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), remembered: Vec::new() }
    }

    /// `input` after one to six small edits. Remembers it as a source of pieces for later inputs.
    pub fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..self.chance.between(1, EDITS_MAX) {
            self.edit(&mut bytes);
        }
        self.remember(input);
        bytes
    }

    /// Does exactly one damage to `bytes` and tells which. It may leave them as they were (zeros that become zeros); bytes
    /// that are none can only be extended.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) -> Damage {
        let damage = self.choose_damage(bytes.len());
        match damage {
            Damage::Flipped { at, bit } => bytes[at] ^= 1 << bit,
            Damage::Zeroed { at, bytes: count } => bytes[at..at + count].fill(0),
            Damage::Cut { left } => bytes.truncate(left),
            Damage::Overwritten { at, from, bytes: count } => bytes.copy_within(from..from + count, at),
            Damage::Scrambled { at, bytes: count } => {
                for byte in &mut bytes[at..at + count] {
                    *byte = self.chance.bits() as u8;
                }
            }
            Damage::Extended { bytes: count } => {
                for _ in 0..count {
                    bytes.push(self.chance.bits() as u8);
                }
            }
        }
        damage
    }

    fn choose_damage(&mut self, len: usize) -> Damage {
        if len == 0 {
            return Damage::Extended { bytes: SECTOR_BYTES };
        }
        let unit = if self.chance.happens(250) { PAGE_BYTES } else { SECTOR_BYTES };
        let place = |mutator: &mut Self| {
            let at = mutator.index(len.div_ceil(unit)) * unit;
            (at, unit.min(len - at))
        };
        match self.chance.below(100) {
            0..40 => Damage::Flipped { at: self.index(len), bit: self.chance.below(8) as u8 },
            40..60 => {
                let (at, bytes) = place(self);
                Damage::Zeroed { at, bytes }
            }
            60..75 => {
                let left = self.index(len);
                Damage::Cut { left: if self.chance.happens(300) { left / unit * unit } else { left } }
            }
            75..90 => {
                let ((at, here), (from, there)) = (place(self), place(self));
                Damage::Overwritten { at, from, bytes: here.min(there) }
            }
            90..98 => {
                let (at, bytes) = place(self);
                Damage::Scrambled { at, bytes }
            }
            _ => Damage::Extended { bytes: self.chance.between(1, SECTOR_BYTES as u32) as usize },
        }
    }

    fn edit(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            let piece = self.piece();
            bytes.extend(piece);
            return;
        }
        let at = self.index(bytes.len());
        match self.chance.below(12) {
            0 | 1 => bytes[at] ^= 1 << self.chance.below(8),
            2 => bytes[at] = self.chance.bits() as u8,
            3 => {
                let end = self.end(at, bytes.len());
                bytes[at..end].fill(0);
            }
            4 => bytes.truncate(at),
            5 => {
                let piece = self.piece();
                bytes.splice(at..at, piece);
            }
            6 => {
                let end = self.end(at, bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                let end = self.end(at, bytes.len());
                let piece = bytes[at..end].to_vec();
                let times = self.chance.between(1, 8) as usize;
                bytes.splice(at..at, piece.repeat(times));
            }
            8 => self.put_number(bytes, at),
            9 => {
                let word = self.chance.pick(&WORDS).bytes();
                let end = if self.chance.happens(500) { at } else { self.end(at, bytes.len()) };
                bytes.splice(at..end, word);
            }
            10 => {
                let from = self.index(bytes.len());
                let count = self.end(from.max(at), bytes.len()) - from.max(at);
                bytes.copy_within(from..from + count, at);
            }
            _ => self.splice(bytes, at),
        }
    }

    /// Overwrites an integer of any width and byte order with one from the edges, or moves it by a few.
    fn put_number(&mut self, bytes: &mut [u8], at: usize) {
        let width = [1, 2, 4, 8][self.index(4)].min(bytes.len() - at);
        let place = &mut bytes[at..at + width];
        let big_endian = self.chance.happens(500);
        if big_endian {
            place.reverse();
        }
        let mut raw = [0; 8];
        raw[..width].copy_from_slice(place);
        let number = if self.chance.happens(500) {
            self.chance.pick(&NUMBERS)
        } else {
            u64::from_le_bytes(raw).wrapping_add(u64::from(self.chance.below(33))).wrapping_sub(16)
        };
        place.copy_from_slice(&number.to_le_bytes()[..width]);
        if big_endian {
            place.reverse();
        }
    }

    /// Goes on at `at` with the rest, or a piece, of an input seen before.
    fn splice(&mut self, bytes: &mut Vec<u8>, at: usize) {
        if self.remembered.is_empty() {
            let piece = self.piece();
            bytes.splice(at..at, piece);
            return;
        }
        let which = self.index(self.remembered.len());
        let from = self.index(self.remembered[which].len());
        if self.chance.happens(500) {
            bytes.truncate(at);
            bytes.extend_from_slice(&self.remembered[which][from..]);
        } else {
            let end = self.end(from, self.remembered[which].len());
            bytes.splice(at..at, self.remembered[which][from..end].iter().copied());
        }
    }

    fn remember(&mut self, input: &[u8]) {
        if input.is_empty() {
            return;
        }
        let kept = input[..input.len().min(REMEMBERED_BYTES_MAX)].to_vec();
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(kept);
        } else {
            let which = self.index(REMEMBERED_MAX);
            self.remembered[which] = kept;
        }
    }

    /// A few bytes of noise.
    fn piece(&mut self) -> Vec<u8> {
        let count = self.chance.between(1, PIECE_BYTES_MAX);
        (0..count).map(|_| self.chance.bits() as u8).collect()
    }

    /// The end of a piece that starts at `at`.
    fn end(&mut self, at: usize, len: usize) -> usize {
        (at + self.chance.between(1, PIECE_BYTES_MAX) as usize).min(len)
    }

    /// Uniform in `0..bound`; `bound` is not zero.
    fn index(&mut self, bound: usize) -> usize {
        (self.chance.bits() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> Vec<u8> {
        (0..20_000_u32).map(|n| (n * 7 + n / 256) as u8 | 1).collect()
    }

    #[test]
    fn equal_seeds_make_equal_faults_and_others_do_not() {
        let outcome = |seed: u64| {
            let mut mutator = Mutator::new(seed);
            let mut damaged = input();
            let damage = mutator.damage(&mut damaged);
            (mutator.mutate(&input()), mutator.mutate(b"second"), damaged, damage)
        };
        assert_eq!(outcome(5), outcome(5));
        assert_ne!(outcome(5), outcome(6));
    }

    #[test]
    fn a_damage_is_what_it_says_and_every_kind_occurs() {
        let mut mutator = Mutator::new(1);
        let whole = input();
        let mut kinds = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let mut bytes = whole.clone();
            let damage = mutator.damage(&mut bytes);
            let text = damage.to_string();
            let same = |range: std::ops::Range<usize>| bytes[range.clone()] == whole[range];
            match damage {
                Damage::Flipped { at, bit } => {
                    assert_eq!(bytes[at], whole[at] ^ (1 << bit), "{text}");
                    assert!(same(0..at) && same(at + 1..whole.len()), "{text}");
                    kinds.insert("flipped");
                }
                Damage::Zeroed { at, bytes: count } => {
                    assert!(bytes[at..at + count].iter().all(|byte| *byte == 0), "{text}");
                    assert!(same(0..at) && same(at + count..whole.len()) && count > 0, "{text}");
                    kinds.insert(if count > SECTOR_BYTES { "page" } else { "sector" });
                }
                Damage::Cut { left } => {
                    assert!(bytes[..] == whole[..left] && left < whole.len(), "{text}");
                    kinds.insert("cut");
                }
                Damage::Overwritten { at, from, bytes: count } => {
                    assert!(bytes[at..at + count] == whole[from..from + count], "{text}");
                    assert!(same(0..at) && same(at + count..whole.len()), "{text}");
                    kinds.insert("overwritten");
                }
                Damage::Scrambled { at, bytes: count } => {
                    assert!(!same(at..at + count) && same(0..at) && same(at + count..whole.len()), "{text}");
                    kinds.insert("scrambled");
                }
                Damage::Extended { bytes: count } => {
                    assert!(bytes[..whole.len()] == whole[..] && bytes.len() == whole.len() + count, "{text}");
                    kinds.insert("extended");
                }
            }
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }

    #[test]
    fn mutations_stay_small_and_nearly_always_change_something() {
        let mut mutator = Mutator::new(2);
        let whole = br#"{"type":"t","projectId":"acme","payload":{"number":12345,"text":"some text"}}"#;
        let changed = (0..1_000).filter(|_| {
            let mutated = mutator.mutate(whole);
            assert!(mutated.len() < whole.len() + 12_000, "{}", mutated.len());
            mutated != whole
        });
        assert!(changed.count() > 950);
    }

    #[test]
    fn inputs_of_no_and_of_one_byte_are_fine() {
        let mut mutator = Mutator::new(3);
        for _ in 0..2_000 {
            mutator.mutate(b"");
            mutator.mutate(b"x");
            let (mut none, mut one) = (Vec::new(), vec![7]);
            assert_eq!(mutator.damage(&mut none), Damage::Extended { bytes: SECTOR_BYTES });
            mutator.damage(&mut one);
        }
    }

    #[test]
    fn pieces_of_earlier_inputs_turn_up() {
        let mut mutator = Mutator::new(4);
        let found = (0..500).any(|_| {
            mutator.mutate(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
            let spliced = mutator.mutate(b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
            spliced.windows(5).any(|window| window == b"aaaaa")
        });
        assert!(found);
    }
}
