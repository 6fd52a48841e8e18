//! [`Share`]: what one request brings to a batch of several.

use bytes::Bytes;

use crate::receipt::Ack;
use crate::request_key::KeyClaim;

/// One request's part of a batch: its rows follow those of the shares before it, and it is acknowledged by itself.
#[derive(Debug)]
pub struct Share {
    /// How many rows of the batch are its own; none is allowed.
    pub rows: u32,
    /// How safe its rows must be before it is acknowledged.
    pub ack: Ack,
    /// Its idempotency key, where it has one.
    pub key: Option<ShareKey>,
}

/// The idempotency key of a share.
#[derive(Debug)]
pub struct ShareKey {
    /// The claim to it.
    pub claim: KeyClaim,
    /// What the caller wants back when the key comes again, logged with the rows. At most [`NOTE_BYTES_MAX`].
    pub note: Bytes,
}

/// Longest note.
pub const NOTE_BYTES_MAX: usize = 1 << 20;
