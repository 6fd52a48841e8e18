//! A request's body: in which encoding it is, and its bytes decompressed within bounds.

use std::io::Read;

use annals_event::ProjectId;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;

use super::answer::Failure;
use super::export::Wire;
use super::{BODY_BYTES_MAX, PROJECT_HEADER};
use crate::coding::Coding;
use crate::http::Problem;

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
    if coding == Coding::Identity {
        return if body.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(body) };
    }
    let name = coding.name();
    let invalid =
        |error| Failure::Invalid(format!("the body is not the {name} that its content encoding says: {error}"));
    let mut plain = Vec::new();
    let reader = coding.reader(&body).map_err(invalid)?;
    reader.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut plain).map_err(invalid)?;
    if plain.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(plain.into()) }
}

/// Of what is too large, in words.
pub(super) fn too_large() -> Failure {
    Failure::TooLarge(format!(
        "the request has more than {BODY_BYTES_MAX} bytes once decompressed: send the records in smaller requests"
    ))
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
        let parts = BODY_BYTES_MAX / (1 << 20);
        for (coding, part, last) in
            [(Coding::Gzip, gzip(&[0; 1 << 20]), gzip(&[0])), (Coding::Zstd, zstd(&[0; 1 << 20]), zstd(&[0]))]
        {
            let largest = part.repeat(parts);
            assert!(largest.len() < 1 << 20);
            let bomb = [&largest[..], &last].concat();
            assert_eq!(decompress(coding, bomb.into()), Err(too_large()), "{coding:?}");
            assert_eq!(decompress(coding, largest.into()).unwrap().len(), BODY_BYTES_MAX, "{coding:?}");
        }
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
        assert_eq!(Coding::of(&headers("content-encoding", "GZIP")).unwrap(), Coding::Gzip);
        assert_eq!(Coding::of(&headers("content-encoding", "br")).unwrap_err().status(), 415);
        assert_eq!(project(&headers("annals-project", "p1")).unwrap().unwrap().as_str(), "p1");
        assert!(matches!(project(&headers("annals-project", "a/b")), Err(Failure::Invalid(_))));
    }
}
