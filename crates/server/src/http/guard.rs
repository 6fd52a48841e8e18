//! [`Guard`]: who may ask at all, checked before anything of a request is looked at.
//!
//! Three checks: the name in `Host` (a page whose name was made to point here does not know ours), `Origin` (a page of
//! another site says where it comes from), and the bearer token, where there is one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::page::is_page;
use crate::app::App;
use crate::token::Token;

/// Names of this machine to itself.
const LOOPBACK_NAME: &str = "localhost";

/// What a request must bring.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Option<Token>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Guard {
    /// Lets in who names one of `names`, a loopback name or one of the `bound` addresses, and knows the token.
    pub(crate) fn new(token: Option<Token>, names: &[String], bound: &[SocketAddr]) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { token, names, addresses: bound.iter().map(SocketAddr::ip).collect() }
    }

    /// Checks a request's head: names and token.
    ///
    /// # Errors
    /// 400 without a host, 403 for a foreign host or origin, 401 without the token.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        self.check_names(uri, headers)?;
        self.check_token(headers)
    }

    /// Checks where a request goes and where it comes from.
    fn check_names(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = uri.host().map(str::to_owned).or_else(|| {
            let value = headers.get(header::HOST)?.to_str().ok()?;
            Some(name_of(value).to_owned())
        });
        let Some(host) = host else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "the request names no Host"));
        };
        if !self.is_ours(&host) {
            let shown: String = host.chars().take(100).collect();
            let detail = format!("host {shown:?} is not a name of this server: allow it by allow_host");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        self.check_origin(headers)
    }

    /// Checks the token alone, for what no page can ask.
    ///
    /// # Errors
    /// 401 without the token.
    pub(crate) fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match &self.token {
            Some(token) if !presented(headers).is_some_and(|shown| token.matches(shown)) => {
                let detail = "this server wants a bearer token: send the header Authorization: Bearer TOKEN";
                Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
            }
            _ => Ok(()),
        }
    }

    /// A page may ask only where it came from: the origin must name the very host and port that the request does.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or("?");
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("?");
        let named = self.names.iter().any(|name| name == &name_of(authority).to_ascii_lowercase());
        if authority.eq_ignore_ascii_case(asked) || named {
            return Ok(());
        }
        let shown: String = origin.chars().take(100).collect();
        let detail = format!("a page of {shown:?} may not use this server: allow its host by allow_host");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host == LOOPBACK_NAME || self.names.contains(&host) {
            return true;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(address) = bare.parse::<IpAddr>() else { return false };
        // An address is no name that somebody could point elsewhere: on all interfaces any of ours will do.
        address.is_loopback() || self.addresses.iter().any(|bound| bound.is_unspecified() || *bound == address)
    }
}

/// The host of `host:port`.
fn name_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.find(']').map_or(authority, |end| &authority[..=end]);
    }
    authority.rsplit_once(':').map_or(authority, |(name, _)| name)
}

/// The token of `Authorization: Bearer`.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The middleware around every route.
pub(crate) async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    // The page is what asks a person for the token.
    let checked = match is_page(request.method(), uri.path()) {
        true => app.guard.check_names(uri, headers),
        false => app.guard.check(uri, headers),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            crate::upload::drain(request.into_body());
            problem.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn status(guard: &Guard, headers: &[(&'static str, &str)]) -> u16 {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        guard.check(&Uri::from_static("/v1/events"), &all).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_our_own_names_are_hosts() {
        let guard = Guard::new(None, &["Logs.Example".to_owned()], &["10.1.2.3:80".parse().unwrap()]);
        for host in ["localhost:6170", "127.0.0.1", "[::1]:6170", "10.1.2.3", "logs.example:443", "LOCALHOST."] {
            assert_eq!(status(&guard, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "10.1.2.4", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert_eq!(status(&guard, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(status(&guard, &[]), 400);
        let everywhere = Guard::new(None, &[], &["0.0.0.0:80".parse().unwrap()]);
        assert_eq!(status(&everywhere, &[("host", "192.168.0.7:80")]), 200);
        assert_eq!(status(&everywhere, &[("host", "evil.example")]), 403);
    }

    #[test]
    fn a_page_of_another_site_may_not_ask() {
        let guard = Guard::new(None, &[], &[]);
        let with = |origin| status(&guard, &[("host", "localhost:6170"), ("origin", origin)]);
        assert_eq!(with("http://localhost:6170"), 200);
        for foreign in ["http://evil.example", "null", "http://localhost:3000", "http://localhost:6170.evil.example"] {
            assert_eq!(with(foreign), 403, "{foreign}");
        }
    }
}
