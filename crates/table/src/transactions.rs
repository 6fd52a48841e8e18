//! [`Transactions`]: how far everybody got who notes in the table log how far they are (its `txn` actions).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{Lsn, WriterId};

/// The newest `txn` of each writer, and of compaction. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transactions {
    watermarks: Arc<BTreeMap<WriterId, Lsn>>,
    compactions: u64,
}

impl Transactions {
    /// The writer's watermark; `None` for one that never committed.
    pub(crate) fn watermark(&self, writer: WriterId) -> Option<Lsn> {
        self.watermarks.get(&writer).copied()
    }

    /// How many compactions were committed.
    pub(crate) fn compactions(&self) -> u64 {
        self.compactions
    }

    /// Takes in a watermark in place of the one that the writer had.
    pub(crate) fn set_watermark(&mut self, writer: WriterId, lsn: Lsn) {
        Arc::make_mut(&mut self.watermarks).insert(writer, lsn);
    }

    pub(crate) fn set_compactions(&mut self, compactions: u64) {
        self.compactions = compactions;
    }

    /// Takes in what is newer.
    pub(crate) fn extend(&mut self, newer: &Newer) {
        if !newer.watermarks.is_empty() {
            Arc::make_mut(&mut self.watermarks).extend(&newer.watermarks);
        }
        self.compactions = newer.compactions.unwrap_or(self.compactions);
    }
}

/// What is read of a log, newest first: the first of each counts.
#[derive(Debug, Default)]
pub(crate) struct Newer {
    watermarks: BTreeMap<WriterId, Lsn>,
    compactions: Option<u64>,
}

impl Newer {
    /// Takes in a watermark, unless a newer one is there.
    pub(crate) fn watermark(&mut self, writer: WriterId, lsn: Lsn) {
        self.watermarks.entry(writer).or_insert(lsn);
    }

    /// Takes in the number of compactions, unless a newer one is there.
    pub(crate) fn compactions(&mut self, compactions: u64) {
        self.compactions.get_or_insert(compactions);
    }
}
