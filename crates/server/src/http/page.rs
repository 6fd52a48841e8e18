//! The web page: what `ui/` was built into, inside the binary, and the paths at which a browser finds it.
//!
//! The page is told nothing that the public interface does not tell: it is served without a token and asks for one itself. Its
//! policy lets it load and ask nothing but this server, and run no script but its own.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_128;

use crate::app::App;

/// The addresses that are views of the page; it looks at the address itself.
pub(crate) const VIEWS: [&str; 8] =
    ["/", "/trace/{traceId}", "/syncs", "/tools", "/workflows", "/credentials", "/sql", "/store"];

/// What the page may load and do. CodeMirror's styles are constructed sheets, which need no exception.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug)]
struct Asset {
    path: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    gzip: Bytes,
    etag: String,
}

impl Asset {
    fn new(path: &'static str, media_type: &'static str, plain: &'static [u8]) -> Self {
        // Weak: the compressed bytes are others, and mean the same.
        let etag = format!("W/\"{:032x}\"", xxh3_128(plain));
        Self { path, media_type, plain, gzip: compressed(plain), etag }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = if asks_for_newer(headers, &self.etag) {
            let body = if takes_gzip(headers) { self.gzip.clone() } else { Bytes::from_static(self.plain) };
            let mut response = body.into_response();
            if takes_gzip(headers) {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        } else {
            StatusCode::NOT_MODIFIED.into_response()
        };
        let fixed = [
            (header::CONTENT_TYPE, self.media_type),
            // Asked for again each time: a new server's page must not meet an old one's script.
            (header::CACHE_CONTROL, "no-cache"),
            (header::VARY, "accept-encoding"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let headers = response.headers_mut();
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(etag) = HeaderValue::try_from(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

macro_rules! assets {
    ($($path:literal $media_type:literal)*) => {
        [$(Asset::new($path, $media_type, include_bytes!(concat!("../../ui/dist", $path)))),*]
    };
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    assets! {
        "/index.html" "text/html; charset=utf-8"
        "/favicon.svg" "image/svg+xml"
        "/assets/annals.js" "text/javascript; charset=utf-8"
        "/assets/annals.css" "text/css; charset=utf-8"
        "/assets/editor.js" "text/javascript; charset=utf-8"
    }
});

/// The files and views of the page.
pub(crate) fn page_routes() -> Router<Arc<App>> {
    let files = ASSETS.iter().map(|asset| asset.path).filter(|path| *path != INDEX);
    let views = VIEWS.into_iter().fold(Router::new(), |router, path| router.route(path, get(view)));
    files.fold(views, |router, path| router.route(path, get(file)))
}

/// Where the document itself stands among the files.
const INDEX: &str = "/index.html";

/// Whether a request is for the page, which is public: it is the same for everybody.
pub(crate) fn is_page(method: &Method, path: &str) -> bool {
    let is_read = method == Method::GET || method == Method::HEAD;
    let is_file = || ASSETS.iter().any(|asset| asset.path == path && path != INDEX);
    is_read && (VIEWS.iter().any(|view| super::routes::is_at(view, path)) || is_file())
}

async fn view(request: Request) -> Response {
    answer(INDEX, request.headers())
}

async fn file(request: Request) -> Response {
    answer(request.uri().path(), request.headers())
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => asset.answer(headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn asks_for_newer(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    !known.split(',').any(|known| bare(known) == bare(etag))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.replace(' ', "").as_str(), "q=0" | "q=0.0")
    })
}

/// Made once a process: the page is small.
fn compressed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail").into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn asked(path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        answer(path, &headers.collect())
    }

    #[test]
    fn every_file_that_the_document_names_is_there_and_it_names_no_other_host() {
        let index = std::str::from_utf8(ASSETS[0].plain).unwrap();
        let named: Vec<&str> =
            index.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("://")).collect();
        assert!(named.len() >= 3, "{index}");
        for path in named {
            assert!(is_page(&Method::GET, path), "{path}");
        }
    }

    #[test]
    fn the_whole_bundle_is_at_most_250_kb_compressed() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.gzip.len()).sum();
        assert!((10_000..=250_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn a_file_is_sent_whole_compressed_or_not_at_all() {
        let plain = asked("/assets/annals.js", &[]);
        assert_eq!(plain.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        let etag = plain.headers()[header::ETAG].to_str().unwrap().to_owned();
        let gzip = asked("/assets/annals.js", &[(header::ACCEPT_ENCODING, "br, gzip;q=0.8")]);
        assert_eq!(gzip.headers()[header::CONTENT_ENCODING], "gzip");
        let refused = asked("/assets/annals.js", &[(header::ACCEPT_ENCODING, "gzip;q=0")]);
        assert!(refused.headers().get(header::CONTENT_ENCODING).is_none());
        let known = asked("/assets/annals.js", &[(header::IF_NONE_MATCH, &format!("\"x\", {etag}"))]);
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(known.headers().get(header::CONTENT_SECURITY_POLICY).is_some());
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for asset in ASSETS.iter() {
            let mut plain = Vec::new();
            GzDecoder::new(&asset.gzip[..]).read_to_end(&mut plain).unwrap();
            assert_eq!(plain, asset.plain, "{}", asset.path);
        }
    }

    #[test]
    fn the_page_is_its_views_and_files_and_nothing_else() {
        for path in ["/", "/trace/a%2Fb", "/sql", "/assets/editor.js", "/favicon.svg"] {
            assert!(is_page(&Method::GET, path) && is_page(&Method::HEAD, path), "{path}");
            assert!(!is_page(&Method::POST, path), "{path}");
        }
        for path in ["/index.html", "/trace/", "/trace/a/b", "/v1/events", "/metrics", "/assets/", "/assets/../metrics"]
        {
            assert!(!is_page(&Method::GET, path), "{path}");
        }
    }
}
