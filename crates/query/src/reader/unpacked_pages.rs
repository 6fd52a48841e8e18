//! [`UnpackedPages`]: pages of a column that zstd compressed, unpacked with contexts that are kept.
//!
//! The decoder of Parquet makes a context for every column that it opens, one to compress and one to decompress. Each asks the
//! processor for its features, which a virtual machine traps, and takes and gives back 150 KiB: 40 to 90 us, ten columns a file,
//! where a page of a few rows is unpacked in less.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

/// Contexts that wait for work: as many as decode at once on a machine of sixteen cores.
const KEPT_MAX: usize = 16;

/// A page is not longer than this, which is all that its header can say.
const PAGE_BYTES_MAX: u64 = i32::MAX as u64;

static KEPT: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());

/// See the module. What it wraps must hand on pages as they are stored.
pub(crate) struct UnpackedPages<R>(R);

impl<R: PageReader> UnpackedPages<R> {
    pub(crate) fn new(packed: R) -> Self {
        Self(packed)
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
        self.0.get_next_page()?.map(unpacked).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.0.at_record_boundary()
    }
}

fn unpacked(mut page: Page) -> Result<Page> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = bytes_of(buf, 0)?,
        Page::DataPageV2 { buf, is_compressed: true, def_levels_byte_len, rep_levels_byte_len, .. } => {
            *buf = bytes_of(buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)?;
        }
        Page::DataPageV2 { .. } => {}
    }
    Ok(page)
}

/// The first `plain` bytes as they are, and what the frame behind them holds.
fn bytes_of(packed: &Bytes, plain: usize) -> Result<Bytes> {
    let Some((levels, frame)) = packed.split_at_checked(plain) else {
        return Err(ParquetError::General("the levels of a page are longer than the page".to_owned()));
    };
    // A page without a value holds no frame.
    if frame.is_empty() {
        return Ok(packed.clone());
    }
    let length = get_frame_content_size(frame).ok().flatten().filter(|length| *length <= PAGE_BYTES_MAX);
    let Some(length) = length else {
        return Err(ParquetError::General("a page does not say how long it is unpacked".to_owned()));
    };
    let mut values = Vec::with_capacity(length as usize);
    let mut context = taken()?;
    let outcome = context.decompress_to_buffer(frame, &mut values);
    give_back(context);
    outcome.map_err(|error| ParquetError::External(Box::new(error)))?;
    if levels.is_empty() {
        return Ok(values.into());
    }
    Ok([levels, &values].concat().into())
}

fn taken() -> Result<Decompressor<'static>> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.map_or_else(|| Decompressor::new().map_err(|error| ParquetError::External(Box::new(error))), Ok)
}

fn give_back(context: Decompressor<'static>) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT_MAX {
        kept.push(context);
    }
}

#[cfg(test)]
mod tests {
    use parquet::basic::Encoding;

    use super::*;

    fn data_page(buf: Bytes) -> Page {
        Page::DictionaryPage { buf, num_values: 3, encoding: Encoding::PLAIN, is_sorted: false }
    }

    #[test]
    fn a_page_is_unpacked_behind_its_levels() {
        let values = b"some values, some values, some values".repeat(100);
        let frame = zstd::bulk::compress(&values, 1).unwrap();
        assert_eq!(bytes_of(&frame.clone().into(), 0).unwrap(), values);
        let with_levels = [b"lev".as_slice(), &frame].concat();
        assert_eq!(bytes_of(&with_levels.into(), 3).unwrap(), [b"lev".as_slice(), &values].concat());
        assert_eq!(bytes_of(&Bytes::from_static(b"lev"), 3).unwrap(), b"lev"[..]);
        assert_eq!(unpacked(data_page(frame.into())).unwrap().buffer(), &values);
    }

    #[test]
    fn what_is_no_frame_is_an_error_and_takes_no_memory() {
        let frame = zstd::bulk::compress(&[7; 10_000], 1).unwrap();
        for left in 0..frame.len() {
            let cut = bytes_of(&frame[..left].to_vec().into(), 0);
            assert!(left == 0 || cut.is_err(), "{left} of {} bytes", frame.len());
        }
        assert!(bytes_of(&Bytes::from_static(b"no frame at all"), 0).is_err());
        assert!(bytes_of(&Bytes::from_static(b"lev"), 4).is_err());
        // A frame that says that it holds 2^62 bytes.
        let mut boast = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        boast.extend((1u64 << 62).to_le_bytes());
        assert!(bytes_of(&boast.into(), 0).is_err());
    }
}
