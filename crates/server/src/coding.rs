//! [`Coding`]: how a body is compressed, and its bytes decompressed within a bound.

use std::io::{Read, Result};

use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;

use crate::http::Problem;

/// Largest window of zstd, as a power of two: 8 MiB, which RFC 8878 recommends that every decoder supports.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// The compression that `Content-Encoding` names.
    ///
    /// # Errors
    /// 415 for any other.
    pub(crate) fn of(headers: &HeaderMap) -> std::result::Result<Self, Problem> {
        let named = headers.get(header::CONTENT_ENCODING).map_or("identity", |value| value.to_str().unwrap_or("?"));
        match named.trim().to_ascii_lowercase().as_str() {
            "identity" | "" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => {
                let detail = format!("content encoding {named:?} is not supported: use gzip, zstd or identity");
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }

    /// A reader of the decompressed bytes; several frames or members follow each other.
    ///
    /// # Errors
    /// When the decoder cannot be made.
    pub(crate) fn reader<'a>(self, body: &'a [u8]) -> Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Identity => Box::new(body),
            Self::Gzip => Box::new(MultiGzDecoder::new(body)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}
