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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(plain, 3).unwrap()
    }

    fn decompressed(coding: Coding, body: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        coding.reader(body)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn compressed_bodies_come_back_also_in_several_parts() {
        let plain = b"records".repeat(1_000);
        assert_eq!(decompressed(Coding::Gzip, &gzip(&plain)).unwrap(), plain);
        assert_eq!(decompressed(Coding::Zstd, &zstd(&plain)).unwrap(), plain);
        assert_eq!(decompressed(Coding::Gzip, &[gzip(b"one"), gzip(b"two")].concat()).unwrap(), b"onetwo");
        assert_eq!(decompressed(Coding::Zstd, &[zstd(b"one"), zstd(b"two")].concat()).unwrap(), b"onetwo");
        assert_eq!(decompressed(Coding::Identity, &plain).unwrap(), plain);
    }

    #[test]
    fn what_is_not_compressed_as_said_or_cut_off_is_an_error() {
        assert!(decompressed(Coding::Gzip, b"plain text").is_err());
        assert!(decompressed(Coding::Zstd, b"plain text").is_err());
        let whole = gzip(b"records");
        assert!(decompressed(Coding::Gzip, &whole[..whole.len() - 9]).is_err());
    }

    #[test]
    fn encodings_are_read_as_http_spells_them() {
        let named = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_str(text).unwrap());
            Coding::of(&headers)
        };
        assert_eq!(named("GZIP").unwrap(), Coding::Gzip);
        assert_eq!(named(" zstd").unwrap(), Coding::Zstd);
        assert_eq!(named("br").unwrap_err().status(), 415);
        assert_eq!(Coding::of(&HeaderMap::new()).unwrap(), Coding::Identity);
    }
}
