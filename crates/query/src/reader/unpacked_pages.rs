//! [`UnpackedPages`]: pages of a column, unpacked with contexts that are kept, no further than needed, and kept themselves.
//!
//! The decoder of Parquet makes a context for every column that it opens, one to compress and one to decompress. Each asks the
//! processor for its features, which a virtual machine traps, and takes and gives back 150 KiB: 40 to 90 us, ten columns a file,
//! where a page of a few rows is unpacked in less. And it unpacks whole pages. A page of payloads is half a megabyte, and who reads
//! rows scattered over the store wants one row of each: on average half of the page need not be unpacked for that.

use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name, get_frame_content_size};

use crate::reader::page_cache::FilePages;
use crate::reader::text_lengths::bytes_of_first;

/// A page is not longer than this, which is all that its header can say.
const PAGE_BYTES_MAX: usize = i32::MAX as usize;

/// What is unpacked of a page to see the lengths of its texts: a block of zstd, which is unpacked whole.
const HEAD_BYTES: usize = 128 << 10;

/// Contexts that wait for work: as many as are likely to decode at once.
static KEPT_MAX: LazyLock<usize> = LazyLock::new(|| 2 * std::thread::available_parallelism().map_or(1, NonZero::get));

static KEPT: Mutex<Vec<DCtx<'static>>> = Mutex::new(Vec::new());

/// See the module. What it wraps must hand on pages as they are stored.
pub(crate) struct UnpackedPages<R> {
    packed: R,
    codec: PageCodec,
    /// Where each page stands, if that is known.
    kept: Option<KeptPages>,
}

/// By what the pages of a column are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageCodec {
    None,
    Snappy,
    Zstd,
}

/// The pages of a column by their places, for a reader that looks at some of their rows.
pub(crate) struct KeptPages {
    /// The dictionary, if there is one that is needed, and all pages, in the order in which they come.
    pub(crate) places: VecDeque<PagePlace>,
    /// Whether values are optional, so that levels stand before them.
    pub(crate) has_levels: bool,
    /// Those that are at hand, by their start.
    pub(crate) held: Arc<HashMap<u64, Page>>,
    /// Where those go that are unpacked whole.
    pub(crate) cache: FilePages,
}

/// Where a page stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PagePlace {
    /// Offset in the file.
    pub(crate) start: u64,
    /// How many rows from its beginning may be asked for.
    pub(crate) rows: usize,
}

impl PageCodec {
    /// `None` for those that our files do not have.
    pub(crate) fn of(compression: Compression) -> Option<Self> {
        match compression {
            Compression::UNCOMPRESSED => Some(Self::None),
            Compression::SNAPPY => Some(Self::Snappy),
            Compression::ZSTD(_) => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl<R: PageReader> UnpackedPages<R> {
    pub(crate) fn new(packed: R, codec: PageCodec) -> Self {
        Self { packed, codec, kept: None }
    }

    /// The same, without the pages that are at hand, and with what is unpacked kept. The column has no lists.
    pub(crate) fn through(self, kept: KeptPages) -> Self {
        Self { kept: Some(kept), ..self }
    }
}

impl<R: PageReader> Iterator for UnpackedPages<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: PageReader> PageReader for UnpackedPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let place = self.kept.as_mut().and_then(|kept| kept.places.pop_front());
        let (Some(kept), Some(place)) = (&self.kept, place) else {
            let page = self.packed.get_next_page()?;
            return page.map(|page| Ok(unpacked(page, self.codec, usize::MAX, false)?.page)).transpose();
        };
        if let Some(page) = kept.held.get(&place.start) {
            self.packed.skip_next_page()?;
            return Ok(Some(page.clone()));
        }
        let Some(page) = self.packed.get_next_page()? else { return Ok(None) };
        let unpacked = unpacked(page, self.codec, place.rows, kept.has_levels)?;
        if unpacked.is_whole {
            kept.cache.insert(place.start, &unpacked.page);
        }
        Ok(Some(unpacked.page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(kept) = &mut self.kept {
            kept.places.pop_front();
        }
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}

/// A page that holds on to no other memory than its own.
struct Unpacked {
    page: Page,
    /// Or only its first rows.
    is_whole: bool,
}

fn unpacked(mut page: Page, codec: PageCodec, rows: usize, has_levels: bool) -> Result<Unpacked> {
    let mut is_whole = true;
    match &mut page {
        // A row has one value or none, so the first values are at least those of as many rows.
        Page::DataPage { buf, encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY, num_values, .. }
            if codec == PageCodec::Zstd && rows < *num_values as usize =>
        {
            (*buf, is_whole) = texts_of(buf, rows, has_levels)?;
        }
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = bytes_of(buf, codec, 0)?,
        Page::DataPageV2 { buf, is_compressed, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let codec = if *is_compressed { codec } else { PageCodec::None };
            *buf = bytes_of(buf, codec, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)?;
        }
    }
    Ok(Unpacked { page, is_whole })
}

/// The first `plain` bytes as they are, and what is packed behind them, all in memory of their own.
fn bytes_of(packed: &Bytes, codec: PageCodec, plain: usize) -> Result<Bytes> {
    let Some((levels, frame)) = packed.split_at_checked(plain) else {
        return Err(ParquetError::General("the levels of a page are longer than the page".to_owned()));
    };
    // A page without a value holds no frame.
    if frame.is_empty() || codec == PageCodec::None {
        return Ok(Bytes::copy_from_slice(packed));
    }
    let values = match codec {
        PageCodec::Snappy => {
            let failed = |error| ParquetError::External(Box::new(error));
            checked_bytes(snap::raw::decompress_len(frame).ok())?;
            snap::raw::Decoder::new().decompress_vec(frame).map_err(failed)?
        }
        PageCodec::None | PageCodec::Zstd => {
            let mut values = Vec::with_capacity(unpacked_bytes(frame)?);
            with_context(|context| context.decompress(&mut values, frame))?;
            values
        }
    };
    if levels.is_empty() {
        return Ok(values.into());
    }
    Ok([levels, &values].concat().into())
}

/// A page of texts and whether it is whole: if not, only the first are there, and the bytes of all others are zero.
fn texts_of(frame: &Bytes, values: usize, has_levels: bool) -> Result<(Bytes, bool)> {
    let whole = || bytes_of(frame, PageCodec::Zstd, 0).map(|bytes| (bytes, true));
    let length = unpacked_bytes(frame)?;
    if length <= 2 * HEAD_BYTES {
        return whole();
    }
    let mut page = vec![0; length];
    let mut is_enough = false;
    with_context(|context| {
        let mut input = InBuffer::around(frame);
        let (head, rest) = page.split_at_mut(HEAD_BYTES);
        if fill(context, &mut input, head)?
            && let Some(end) = bytes_of_first(head, has_levels, values)
            && let Some(wanted) = rest.get_mut(..end.saturating_sub(HEAD_BYTES))
        {
            is_enough = fill(context, &mut input, wanted)?;
        }
        // What is left of the frame is not wanted.
        context.reset(ResetDirective::SessionOnly)
    })?;
    if is_enough { Ok((page.into(), false)) } else { whole() }
}

/// Unpacks until `output` is full, or the input at its end.
fn fill(context: &mut DCtx<'_>, input: &mut InBuffer<'_>, output: &mut [u8]) -> std::result::Result<bool, usize> {
    let length = output.len();
    let mut output = OutBuffer::around(output);
    while output.pos() < length {
        let before = (output.pos(), input.pos());
        context.decompress_stream(&mut output, input)?;
        if before == (output.pos(), input.pos()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Bytes of what a frame of zstd holds, as it says itself.
fn unpacked_bytes(frame: &[u8]) -> Result<usize> {
    checked_bytes(get_frame_content_size(frame).ok().flatten().and_then(|bytes| usize::try_from(bytes).ok()))
}

fn checked_bytes(said: Option<usize>) -> Result<usize> {
    said.filter(|bytes| *bytes <= PAGE_BYTES_MAX)
        .ok_or_else(|| ParquetError::General("a page does not say how long it is unpacked".to_owned()))
}

/// Works with a context that nobody else has meanwhile.
fn with_context(work: impl FnOnce(&mut DCtx<'static>) -> std::result::Result<usize, usize>) -> Result<usize> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut context = kept.unwrap_or_default();
    // One that failed is not kept: what it was about is not known.
    let done = work(&mut context).map_err(|code| ParquetError::General(format!("a page: {}", get_error_name(code))))?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < *KEPT_MAX {
        kept.push(context);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    use parquet::file::serialized_reader::SerializedPageReader;

    use super::*;

    fn data_page(buf: Bytes) -> Page {
        Page::DictionaryPage { buf, num_values: 3, encoding: Encoding::PLAIN, is_sorted: false }
    }

    #[test]
    fn a_page_is_unpacked_behind_its_levels() {
        let values = b"some values, some values, some values".repeat(100);
        let frame = zstd::bulk::compress(&values, 1).unwrap();
        assert_eq!(bytes_of(&frame.clone().into(), PageCodec::Zstd, 0).unwrap(), values);
        let with_levels = [b"lev".as_slice(), &frame].concat();
        assert_eq!(bytes_of(&with_levels.into(), PageCodec::Zstd, 3).unwrap(), [b"lev".as_slice(), &values].concat());
        assert_eq!(bytes_of(&Bytes::from_static(b"lev"), PageCodec::Zstd, 3).unwrap(), b"lev"[..]);
        assert_eq!(
            unpacked(data_page(frame.into()), PageCodec::Zstd, usize::MAX, false).unwrap().page.buffer(),
            &values
        );
    }

    #[test]
    fn what_is_no_frame_is_an_error_and_takes_no_memory() {
        let frame = zstd::bulk::compress(&[7; 10_000], 1).unwrap();
        for left in 0..frame.len() {
            let cut = bytes_of(&frame[..left].to_vec().into(), PageCodec::Zstd, 0);
            assert!(left == 0 || cut.is_err(), "{left} of {} bytes", frame.len());
        }
        assert!(bytes_of(&Bytes::from_static(b"no frame at all"), PageCodec::Zstd, 0).is_err());
        assert!(bytes_of(&Bytes::from_static(b"lev"), PageCodec::Zstd, 4).is_err());
        // A frame that says that it holds 2^62 bytes.
        let mut boast = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        boast.extend((1u64 << 62).to_le_bytes());
        assert!(bytes_of(&boast.into(), PageCodec::Zstd, 0).is_err());
    }

    /// The pages of a column of texts, as they are stored.
    fn stored_pages(texts: &[String]) -> Vec<Page> {
        let column = Arc::new(StringArray::from_iter_values(texts)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let metadata = writer.close().unwrap();
        let column = metadata.row_group(0).column(0).clone().into_builder();
        let column = column.set_compression(Compression::UNCOMPRESSED).build().unwrap();
        SerializedPageReader::new(Arc::new(Bytes::from(bytes)), &column, texts.len(), None)
            .unwrap()
            .collect::<Result<_>>()
            .unwrap()
    }

    #[test]
    fn a_page_of_texts_is_unpacked_as_far_as_its_first_rows_reach() {
        let texts: Vec<String> = (0..900).map(|row| format!("{row} ").repeat(250)).collect();
        let pages = stored_pages(&texts);
        let [page] = pages.as_slice() else { panic!("{} pages", pages.len()) };
        let whole = unpacked(page.clone(), PageCodec::Zstd, usize::MAX, false).unwrap().page.buffer().clone();
        assert!(whole.len() > 4 * HEAD_BYTES, "{} bytes", whole.len());
        for rows in [0, 1, 100, 450, 899, 900] {
            let part = unpacked(page.clone(), PageCodec::Zstd, rows, false).unwrap();
            assert_eq!(part.is_whole, rows == texts.len());
            let part = part.page.buffer().clone();
            let texts_bytes: usize = texts[..rows].iter().map(String::len).sum();
            let all_bytes: usize = texts.iter().map(String::len).sum();
            let end = (whole.len() - all_bytes + texts_bytes).max(HEAD_BYTES);
            assert_eq!((part.len(), &part[..end]), (whole.len(), &whole[..end]), "{rows} rows");
            assert!(part[end..].iter().all(|byte| *byte == 0), "{rows} rows need not be unpacked further");
        }
        let Page::DataPage { buf, .. } = page else { panic!("{page:?}") };
        for left in (13..buf.len() / 4).step_by(97) {
            assert!(texts_of(&buf.slice(..left), 450, false).is_err(), "{left} of {} bytes", buf.len());
        }
    }
}
