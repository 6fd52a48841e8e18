//! What must hold for the bytes of every file of the ledger: seeded mutations of `tests/corpus`.

use annals_testkit::Fuzz;

use super::block::{self, BLOCK_HEADER_BYTES, decode_request, encode_ids, encode_request, encode_requests};

#[test]
fn fuzzed_ledgers_tell_whole_records_or_nothing() {
    let fuzz = Fuzz { promise: 5, what: "files of the ledger, mutated", corpus: "ledger", cases: (10_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        check(input)?;
        check(&sealed(input))
    });
}

/// What is told of a file is no more than its bytes, and what was read is read again when it is written.
fn check(input: &[u8]) -> Result<(), String> {
    let ids: Vec<_> = block::ids(input).collect();
    if ids.len() * 16 > input.len() {
        return Err(format!("{} ids of {} bytes", ids.len(), input.len()));
    }
    if block::ids(&encode_ids(&ids)).ne(ids.iter().copied()) {
        return Err("ids are not what was written".into());
    }
    let requests: Vec<_> = block::requests(input).collect();
    let bytes: usize = requests.iter().map(|request| encode_request(request).len()).sum();
    if bytes > input.len() {
        return Err(format!("{} requests of {bytes} bytes from {}", requests.len(), input.len()));
    }
    let written: Vec<_> = requests.iter().collect();
    if block::requests(&encode_requests(&written)).ne(requests.iter().cloned()) {
        return Err("requests are not what was written".into());
    }
    // As it stands in a frame of the log: bare.
    match decode_request(input) {
        Some(request) if encode_request(&request) != input => Err("a request is not what was read".into()),
        _ => Ok(()),
    }
}

/// The input as the body of one valid block: few mutations keep a checksum.
fn sealed(input: &[u8]) -> Vec<u8> {
    let mut bytes = b"ANLB\0\0\0\0".to_vec();
    let body = input.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(body);
    let crc = crc32c::crc32c(&bytes[8..]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes
}
