//! [`IngestReceipt`]: what a request is answered, and the part of it that is logged with its key.

use std::ops::RangeInclusive;

use annals_event::Refusal;
use annals_table::Lsn;
use annals_writer::{Ack, KnownReceipt, Receipt};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Refused records that a receipt tells one by one.
const REFUSALS_TOLD_MAX: usize = 100;
/// Characters of a reason that a receipt tells.
const REASON_CHARS_MAX: usize = 500;

/// The refused records of one body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    /// How many.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) refusals: Vec<Refusal>,
}

/// Which record was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusalNote {
    /// Its place among the records of the body, from 0.
    pub(crate) index: u64,
    /// The line on which it starts, from 1.
    pub(crate) line: u64,
    /// What rule it breaks, and what to do.
    pub(crate) reason: String,
}

/// What a receipt tells of refused records; logged with an idempotency key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusedNote {
    refused: u64,
    refusals: Vec<RefusalNote>,
}

impl Refused {
    pub(crate) fn note(&self) -> RefusedNote {
        let told = self.refusals.iter().take(REFUSALS_TOLD_MAX);
        let note = |refusal: &Refusal| RefusalNote {
            index: refusal.index,
            line: refusal.line,
            reason: refusal.reason.chars().take(REASON_CHARS_MAX).collect(),
        };
        RefusedNote { refused: self.count, refusals: told.map(note).collect() }
    }
}

impl RefusedNote {
    /// Empty when nothing was refused, which is nearly always.
    pub(crate) fn to_bytes(&self) -> Bytes {
        if *self == Self::default() {
            return Bytes::new();
        }
        serde_json::to_vec(self).expect("numbers and texts are JSON").into()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

/// The answer to a request that brought events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IngestReceipt {
    /// The level that is reached.
    pub(crate) ack: Ack,
    /// Events that were stored.
    pub(crate) accepted: u64,
    /// Events that were not, as their ids are known.
    pub(crate) duplicates: u64,
    /// Records that break a rule.
    pub(crate) refused: u64,
    /// The first hundred of them.
    pub(crate) refusals: Vec<RefusalNote>,
    /// First and last LSN of the stored events.
    pub(crate) lsn: Option<(u64, u64)>,
    /// Why the refused records could not be kept as dead letters; absent when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letters_error: Option<String>,
}

impl IngestReceipt {
    pub(super) fn new(ack: Ack, receipt: &Receipt, note: RefusedNote, dead_letters_error: Option<String>) -> Self {
        let RefusedNote { refused, refusals } = note;
        let Receipt { accepted, duplicates, ref lsn, .. } = *receipt;
        Self { ack, accepted, duplicates, refused, refusals, lsn: bounds(lsn), dead_letters_error }
    }

    /// The receipt of a request whose key is known: the first one's, again.
    pub(crate) fn known(known: &KnownReceipt) -> Self {
        Self::new(known.receipt.ack, &known.receipt, RefusedNote::from_bytes(&known.note), None)
    }

    /// Whether any event of the request is in the store.
    pub(crate) fn took_any(&self) -> bool {
        self.accepted + self.duplicates > 0
    }
}

fn bounds(lsn: &RangeInclusive<Lsn>) -> Option<(u64, u64)> {
    (!lsn.is_empty()).then(|| (lsn.start().0, lsn.end().0))
}
