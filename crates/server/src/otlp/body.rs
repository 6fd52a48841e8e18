//! A request's body: in which encoding it is, and its bytes decompressed within bounds.

use std::io::Read;

use annals_event::ProjectId;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::answer::Failure;
use super::export::Wire;
use super::{BODY_BYTES_MAX, PROJECT_HEADER};
use crate::http::Problem;

/// Largest window of zstd, as a power of two: 8 MiB, which RFC 8878 recommends that every decoder supports.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// The encoding that `Content-Type` names.
///
/// # Errors
/// 415 for any other.
pub(super) fn wire(headers: &HeaderMap) -> Result<Wire, Problem> {
    let named = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        return Ok(Wire::Protobuf);
    }
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(Wire::Json);
    }
    let detail = format!("content type {named:?} is not supported: use application/x-protobuf or application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// The compression that `Content-Encoding` names.
///
/// # Errors
/// 415 for any other.
pub(super) fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let named = text(headers, header::CONTENT_ENCODING.as_str()).unwrap_or("identity");
    match named.trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Coding::Identity),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "zstd" => Ok(Coding::Zstd),
        _ => {
            let detail = format!("content encoding {named:?} is not supported: use gzip, zstd or identity");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// The project that the headers (of HTTP, or the metadata of gRPC) name.
///
/// # Errors
/// `Invalid` when it is no project id.
pub(super) fn project(headers: &HeaderMap) -> Result<Option<ProjectId>, Failure> {
    let Some(value) = headers.get(PROJECT_HEADER) else { return Ok(None) };
    let id = value.to_str().map_err(|_| Failure::Invalid(format!("header {PROJECT_HEADER} is not ASCII text")))?;
    ProjectId::new(id).map(Some).map_err(|error| Failure::Invalid(format!("header {PROJECT_HEADER}: {error}")))
}

/// The bytes of a body, decompressed.
///
/// # Errors
/// `TooLarge` above [`BODY_BYTES_MAX`], `Invalid` when it is not compressed as said.
pub(super) fn decompress(coding: Coding, body: Bytes) -> Result<Bytes, Failure> {
    match coding {
        Coding::Identity if body.len() > BODY_BYTES_MAX => Err(too_large()),
        Coding::Identity => Ok(body),
        Coding::Gzip => read_bounded(MultiGzDecoder::new(&*body), "gzip"),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&*body).map_err(|_| Failure::Internal)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Failure::Internal)?;
            read_bounded(decoder, "zstd")
        }
    }
}

/// Of what is too large, in words.
pub(super) fn too_large() -> Failure {
    Failure::TooLarge(format!(
        "the request has more than {BODY_BYTES_MAX} bytes once decompressed: send the records in smaller requests"
    ))
}

fn read_bounded(decoder: impl Read, name: &str) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let mut bounded = decoder.take(BODY_BYTES_MAX as u64 + 1);
    bounded.read_to_end(&mut plain).map_err(|error| {
        Failure::Invalid(format!("the body is not the {name} that its content encoding says: {error}"))
    })?;
    if plain.len() > BODY_BYTES_MAX {
        return Err(too_large());
    }
    Ok(plain.into())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;

    use super::*;

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn zstd(plain: &[u8]) -> Bytes {
        zstd::stream::encode_all(plain, 3).unwrap().into()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn compressed_bodies_come_back_also_in_several_parts() {
        let plain = b"records".repeat(1_000);
        assert_eq!(decompress(Coding::Gzip, gzip(&plain)).unwrap(), plain);
        assert_eq!(decompress(Coding::Zstd, zstd(&plain)).unwrap(), plain);
        let parts = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(decompress(Coding::Gzip, parts.into()).unwrap(), "onetwo");
        let parts = [zstd(b"one"), zstd(b"two")].concat();
        assert_eq!(decompress(Coding::Zstd, parts.into()).unwrap(), "onetwo");
    }

    #[test]
    fn a_bomb_is_refused_when_it_passes_the_bound() {
        let bomb = vec![0; BODY_BYTES_MAX + 1];
        assert_eq!(decompress(Coding::Gzip, gzip(&bomb)), Err(too_large()));
        assert_eq!(decompress(Coding::Zstd, zstd(&bomb)), Err(too_large()));
        assert_eq!(decompress(Coding::Gzip, gzip(&bomb[1..])).unwrap().len(), BODY_BYTES_MAX);
    }

    #[test]
    fn what_is_not_compressed_as_said_is_invalid() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let answer = decompress(coding, Bytes::from_static(b"plain text"));
            assert!(matches!(answer, Err(Failure::Invalid(_))), "{coding:?}");
        }
        let whole = gzip(b"records");
        assert!(matches!(decompress(Coding::Gzip, whole.slice(..whole.len() - 9)), Err(Failure::Invalid(_))));
    }

    #[test]
    fn types_and_encodings_are_read_as_http_spells_them() {
        assert_eq!(wire(&headers("content-type", "application/JSON; charset=utf-8")).unwrap(), Wire::Json);
        assert_eq!(wire(&headers("content-type", "application/x-protobuf")).unwrap(), Wire::Protobuf);
        assert_eq!(wire(&headers("content-type", "text/plain")).unwrap_err().status(), 415);
        assert_eq!(wire(&HeaderMap::new()).unwrap_err().status(), 415);
        assert_eq!(coding(&headers("content-encoding", "GZIP")).unwrap(), Coding::Gzip);
        assert_eq!(coding(&headers("content-encoding", "br")).unwrap_err().status(), 415);
        assert_eq!(project(&headers("annals-project", "p1")).unwrap().unwrap().as_str(), "p1");
        assert!(matches!(project(&headers("annals-project", "a/b")), Err(Failure::Invalid(_))));
    }
}
