//! Blocks of the ledger: a checksum, a length, and records. Bytes: `WAL.md`, 'Ledger'.

use bytes::Bytes;
use memchr::memmem;

use annals_table::Lsn;

use crate::known_ids::IdHash;
use crate::receipt::{Ack, Receipt};
use crate::request_key::{KeyRecord, KnownReceipt, RequestHash, RequestKey};

/// `ANLB`, CRC32C of all that follows it, bytes of the body.
pub(super) const BLOCK_HEADER_BYTES: usize = 16;
const BLOCK_MAGIC: [u8; 4] = *b"ANLB";

/// Bytes of a request's record before its note.
const REQUEST_BYTES: usize = 16 + 16 + 8 + 8 + 8 + 8 + 8 + 8;

/// The block of these ids.
pub(super) fn encode_ids(ids: &[IdHash]) -> Vec<u8> {
    sealed(ids.concat())
}

/// The block of these requests.
pub(super) fn encode_requests(requests: &[&KeyRecord]) -> Vec<u8> {
    let mut body = Vec::new();
    for request in requests {
        let record = encode_request(request);
        body.extend_from_slice(&(record.len() as u64).to_le_bytes());
        body.extend_from_slice(&record);
    }
    sealed(body)
}

fn sealed(body: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(BLOCK_HEADER_BYTES + body.len());
    out.extend_from_slice(&BLOCK_MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(&body);
    let crc = crc32c::crc32c(&out[8..]);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The bodies of the valid blocks at the start of `bytes`.
fn bodies(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..BLOCK_HEADER_BYTES)?;
        let length = usize::try_from(u64::from_le_bytes(head[8..].try_into().ok()?)).ok()?;
        let end = BLOCK_HEADER_BYTES.checked_add(length)?;
        let covered = rest.get(8..end)?;
        let crc = u32::from_le_bytes(head[4..8].try_into().ok()?);
        if head[..4] != BLOCK_MAGIC || crc32c::crc32c(covered) != crc {
            return None;
        }
        rest = &rest[end..];
        Some(&covered[8..])
    })
}

/// Where the valid blocks at the start of `bytes` end, and whether a valid block stands behind that place: then what is between
/// was synced once and is damaged, while an end that is not whole may only be torn.
pub(super) fn valid_end(bytes: &[u8]) -> (usize, bool) {
    let end = bodies(bytes).map(|body| BLOCK_HEADER_BYTES + body.len()).sum();
    let rest = &bytes[end..];
    let goes_on = memmem::find_iter(rest, &BLOCK_MAGIC).any(|at| bodies(&rest[at..]).next().is_some());
    (end, goes_on)
}

/// All ids of a file of ids.
pub(super) fn ids(bytes: &[u8]) -> impl Iterator<Item = IdHash> {
    bodies(bytes).flat_map(|body| body.as_chunks::<16>().0.iter().copied())
}

/// All requests of a file of requests.
pub(super) fn requests(bytes: &[u8]) -> impl Iterator<Item = KeyRecord> {
    bodies(bytes).flat_map(|body| {
        let mut rest = body;
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let record = tail.get(..length)?;
            rest = &tail[length..];
            decode_request(record)
        })
    })
}

/// One request as it stands in a WAL frame and in the ledger.
pub(crate) fn encode_request(record: &KeyRecord) -> Vec<u8> {
    let KeyRecord { key, request, at_us, known: KnownReceipt { receipt, note } } = record;
    let ack: u64 = match receipt.ack {
        Ack::Memory => 0,
        Ack::Wal => 1,
        Ack::Stored => 2,
    };
    let mut out = Vec::with_capacity(REQUEST_BYTES + note.len());
    out.extend_from_slice(&key.0);
    out.extend_from_slice(&request.0);
    out.extend_from_slice(&at_us.to_le_bytes());
    for field in [ack, receipt.accepted, receipt.duplicates, receipt.lsn.start().0, receipt.lsn.end().0] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(note);
    out
}

/// Reads what [`encode_request`] wrote; `None` for anything else.
pub(crate) fn decode_request(bytes: &[u8]) -> Option<KeyRecord> {
    let (key, rest) = bytes.split_first_chunk::<16>()?;
    let (request, rest) = rest.split_first_chunk::<16>()?;
    let (at_us, mut rest) = rest.split_first_chunk::<8>()?;
    let mut field = || {
        let (field, tail) = rest.split_first_chunk::<8>()?;
        rest = tail;
        Some(u64::from_le_bytes(*field))
    };
    let ack = match field()? {
        0 => Ack::Memory,
        1 => Ack::Wal,
        2 => Ack::Stored,
        _ => return None,
    };
    let (accepted, duplicates) = (field()?, field()?);
    let lsn = Lsn(field()?)..=Lsn(field()?);
    let note = Bytes::copy_from_slice(rest);
    Some(KeyRecord {
        key: RequestKey(*key),
        request: RequestHash(*request),
        at_us: i64::from_le_bytes(*at_us),
        known: KnownReceipt { receipt: Receipt { ack, accepted, duplicates, lsn }, note },
    })
}
