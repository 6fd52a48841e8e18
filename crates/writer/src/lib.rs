//! How rows get in: the write-ahead log, the memtable, and the flush to data files.
//!
//! [`Writer::append`] logs, syncs and shows rows; a flush sorts them into Parquet files and commits them to the table; then
//! they leave memory and log. It does not plan queries and knows no wire format. Bytes of the log: `WAL.md` beside this
//! crate's manifest. One process holds a log at a time; everything blocks but [`AppendTicket::received`].

mod batch;
mod compact;
mod error;
mod flush;
mod flusher;
mod freeze;
mod known_ids;
mod ledger;
mod logger;
mod memtable;
mod receipt;
mod repair;
mod request_key;
mod retention;
mod settings;
mod share;
mod state;
mod steps;
mod tail;
mod verify;
mod wal;
mod writer;

pub use compact::{Compacted, CompactionGroup, CompactionOutcome, CompactionPlan, CompactionSettings, compact};
pub use error::{Error, ErrorKind, Result};
pub use receipt::{Ack, AppendTicket, Receipt};
pub use repair::Repair;
pub use request_key::{Claim, KeyClaim, KeyWait, KnownReceipt, RequestHash, RequestKey};
pub use retention::{Expiry, expire, plan_expiry};
pub use settings::{WalCompression, WriterSettings};
pub use share::{NOTE_BYTES_MAX, Share, ShareKey};
pub use steps::{FlushStep, LogStep, Steps};
pub use tail::{WalTail, replay_tail};
pub use verify::{WalReport, verify_wal};
pub use wal::WalHolder;
pub use writer::{Writer, WriterOptions, WriterStatus};

#[cfg(test)]
mod tests;
