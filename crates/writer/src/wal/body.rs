//! [`BodyCodec`]: a batch of events to the record of a frame and back, as an Arrow IPC message.
//!
//! The record leaves out `seq`: the frame's first LSN gives it. `id` stands as the client gave it; assigned ones follow
//! from (received_at, writer, seq), so a replay makes the same.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use annals_event::{columns, event_schema};
use arrow::array::{Int64Array, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_ipc::{CompressionType, RecordBatch as Header, root_as_message};

use super::frame::FrameRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::settings::WalCompression;

static SEQ_AT: LazyLock<usize> =
    LazyLock::new(|| event_schema().index_of(columns::SEQ).expect("the event schema has seq"));
static LOGGED_COLUMNS: LazyLock<Vec<usize>> =
    LazyLock::new(|| (0..event_schema().fields().len()).filter(|at| at != &*SEQ_AT).collect());
static LOGGED_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(event_schema().project(&LOGGED_COLUMNS).expect("the columns are of the schema")));

/// Bytes before a compressed buffer that say how many it was.
const LENGTH_BYTES: usize = 8;
/// What a byte of LZ4 can become at most (its format's bound), and what a frame of it may hold besides.
const LZ4_RATIO_MAX: u64 = 255;
const LZ4_SLACK_BYTES: u64 = 64;

/// Encodes batches for the WAL. Shared by all appending threads.
#[derive(Clone, Debug)]
pub(crate) struct BodyCodec {
    options: IpcWriteOptions,
}

impl BodyCodec {
    pub(crate) fn new(compression: WalCompression) -> Result<Self> {
        let compression = match compression {
            WalCompression::Lz4 => Some(CompressionType::LZ4_FRAME),
            WalCompression::None => None,
        };
        let options = IpcWriteOptions::default().try_with_compression(compression).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the WAL's compression is not available", error)
        })?;
        Ok(Self { options })
    }

    /// `batch` (of the event schema, at most 2^32 - 1 rows) as a record.
    pub(crate) fn encode(&self, batch: &RecordBatch) -> Result<FrameRecord> {
        let failed = |error| Error::with_source(ErrorKind::Internal, "cannot encode a batch for the WAL", error);
        let logged = batch.project(&LOGGED_COLUMNS).map_err(failed)?;
        let (_, encoded) = IpcDataGenerator::default()
            .encode(&logged, &mut DictionaryTracker::new(true), &self.options, &mut Default::default())
            .map_err(failed)?;
        Ok(FrameRecord { rows: batch.num_rows() as u32, metadata: encoded.ipc_message, data: encoded.arrow_data })
    }
}

/// The batch that a record holds, of the event schema, `seq` null.
pub(crate) fn decode(metadata: &[u8], data: &Buffer) -> Result<RecordBatch, ArrowError> {
    let message = root_as_message(metadata).map_err(|error| ArrowError::IpcError(error.to_string()))?;
    let header = message.header_as_record_batch().ok_or_else(|| ArrowError::IpcError("not a record batch".into()))?;
    check_buffers(&header, data)?;
    let logged =
        read_record_batch(data, header, Arc::clone(&LOGGED_SCHEMA), &HashMap::new(), None, &message.version())?;
    let mut all = logged.columns().to_vec();
    all.insert(*SEQ_AT, Arc::new(Int64Array::new_null(logged.num_rows())));
    RecordBatch::try_new(event_schema(), all)
}

/// Checks what the reader believes: that every buffer lies within `data`, and that none claims to have been longer than its
/// compressed bytes can become. Otherwise a damaged length would end the process, by a slice or by an allocation.
fn check_buffers(header: &Header<'_>, data: &[u8]) -> Result<(), ArrowError> {
    let wrong = |what: &str| Err(ArrowError::IpcError(format!("a buffer {what}")));
    for buffer in header.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = place.and_then(|(at, length)| data.get(at..at.checked_add(length)?));
        let Some(bytes) = bytes else { return wrong("lies outside its record") };
        if header.compression().is_none() || bytes.is_empty() {
            continue;
        }
        let Some((length, compressed)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return wrong("is too short to be compressed");
        };
        let most = compressed.len() as u64 * LZ4_RATIO_MAX + LZ4_SLACK_BYTES;
        // A negative length says that the bytes are not compressed.
        if u64::try_from(i64::from_le_bytes(*length)).is_ok_and(|length| length > most) {
            return wrong("claims to be longer than its bytes can become");
        }
    }
    Ok(())
}
