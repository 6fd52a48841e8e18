//! [`Encoding`] and [`Encoder`]: bodies as they travel.
//!
//! Markers change from batch to batch, so compressed bodies are compressed as they are sent, at the fastest level: then the
//! client takes a good part of a core and shares it with a server on the same machine.

use std::io::Write;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};

/// `--encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// gzip, fastest level.
    Gzip,
    /// zstd, level 1.
    Zstd,
}

impl Encoding {
    /// `Content-Encoding`; none for plain bodies.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Encodes the bodies of one producer, one at a time, without new memory for each.
pub(super) struct Encoder {
    encoding: Encoding,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// The memory of the body before, where nothing else holds on to it.
    spare: BytesMut,
}

impl Encoder {
    pub(super) fn new(encoding: Encoding) -> Result<Self> {
        let zstd = (encoding == Encoding::Zstd).then(|| zstd::bulk::Compressor::new(1)).transpose();
        Ok(Self { encoding, zstd: zstd.context("cannot start zstd")?, spare: BytesMut::new() })
    }

    /// The bytes to send, and how many they were before, of the body that `fill` writes.
    pub(super) fn encode(&mut self, fill: impl FnOnce(&mut BytesMut)) -> Result<(Bytes, u64)> {
        let mut plain = std::mem::take(&mut self.spare);
        fill(&mut plain);
        let plain_bytes = plain.len() as u64;
        let encoded = match (self.encoding, &mut self.zstd) {
            (Encoding::Gzip, _) => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(&plain).and_then(|()| gzip.finish()).context("cannot compress")?
            }
            (_, Some(zstd)) => zstd.compress(&plain).context("cannot compress")?,
            (_, None) => return Ok((plain.freeze(), plain_bytes)),
        };
        self.spare = plain;
        Ok((encoded.into(), plain_bytes))
    }

    /// Takes a body's memory back once it was sent.
    pub(super) fn reclaim(&mut self, body: Bytes) {
        if self.encoding == Encoding::Identity
            && let Ok(memory) = body.try_into_mut()
        {
            self.spare = memory;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_encoding_gives_the_body_back() {
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            let mut encoder = Encoder::new(encoding).unwrap();
            for text in [b"first first first".as_slice(), b"second"] {
                let (body, plain_bytes) = encoder
                    .encode(|out| {
                        out.clear();
                        out.extend_from_slice(text);
                    })
                    .unwrap();
                assert_eq!(plain_bytes, text.len() as u64);
                let decoded = match encoding {
                    Encoding::Identity => body.to_vec(),
                    Encoding::Zstd => zstd::decode_all(&body[..]).unwrap(),
                    Encoding::Gzip => {
                        let mut decoded = Vec::new();
                        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded).unwrap();
                        decoded
                    }
                };
                assert_eq!(decoded, text);
                encoder.reclaim(body);
            }
        }
    }

    #[test]
    fn the_memory_of_a_plain_body_is_used_again() {
        let mut encoder = Encoder::new(Encoding::Identity).unwrap();
        let fill = |out: &mut BytesMut| {
            out.clear();
            out.extend_from_slice(&[b'x'; 100_000]);
        };
        let (body, _) = encoder.encode(fill).unwrap();
        let at = body.as_ptr();
        encoder.reclaim(body);
        assert_eq!(encoder.encode(fill).unwrap().0.as_ptr(), at);
    }
}
