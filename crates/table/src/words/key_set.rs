//! The distinct tokens of the segment that is being filled.

/// A set of 32-bit keys that is used again and again: open addressing with linear steps, at most half full.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// A power of two; zero is an empty place.
    slots: Vec<u32>,
    /// Keys in order of coming.
    keys: Vec<u32>,
    has_zero: bool,
}

/// Places at first: a small file should not pay for clearing a table of thousands.
const SLOTS_MIN: usize = 1024;

impl Default for KeySet {
    fn default() -> Self {
        Self { slots: vec![0; SLOTS_MIN], keys: Vec::new(), has_zero: false }
    }
}

impl KeySet {
    /// Puts a key in.
    #[inline(always)]
    pub(crate) fn insert(&mut self, key: u32) {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        loop {
            match self.slots[at & mask] {
                0 => break,
                slot if slot == key => return,
                _ => at += 1,
            }
        }
        self.insert_new(key, at & mask);
    }

    /// The keys so far; leaves the set empty, its places allocated.
    pub(crate) fn take(&mut self) -> Box<[u32]> {
        let keys = self.keys.as_slice().into();
        self.keys.clear();
        self.has_zero = false;
        self.slots.fill(0);
        keys
    }

    fn insert_new(&mut self, key: u32, at: usize) {
        if key == 0 && std::mem::replace(&mut self.has_zero, true) {
            return;
        }
        self.slots[at] = key;
        self.keys.push(key);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(slots, 0);
        for key in &self.keys {
            let mut at = *key as usize & (slots - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = *key;
        }
    }
}
