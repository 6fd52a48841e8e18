//! [`Client`]: one server, and how requests to it are made and fail.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};

use super::failure::Failure;
use super::retry::{RetryPolicy, pause, retry_after};
use super::server_url::ServerUrl;
use super::token::Token;

/// How long a connection may take to come about.
const CONNECT_S_MAX: u64 = 10;
/// Bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// A client of one server. Cheap to clone; connections are shared and kept.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: ServerUrl,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client; connects when it is first used.
    ///
    /// # Errors
    /// When the machine's certificates cannot be used.
    pub(crate) fn new(url: ServerUrl, token: Option<&Token>) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_S_MAX))
            // A token goes to the server that was named and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("annals/", env!("CARGO_PKG_VERSION")));
        if url.is_loopback() {
            http = http.no_proxy();
        }
        let http = http.build().context("cannot prepare HTTP requests")?;
        Ok(Self { http, url, authorization: token.map(Token::header) })
    }

    /// The server.
    pub(crate) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// A request for `path`, which starts with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url.join(path));
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Sends a request once; the answer has a status of success.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = self.send_any(request).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// Sends a request once; the answer has whatever status.
    pub(super) async fn send_any(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| Failure::of(&self.url, &error))
    }

    /// What an answer that is an error says.
    pub(super) async fn refusal(&self, response: Response) -> Failure {
        let (status, wait) = (response.status(), retry_after(response.headers()));
        match self.body(response, ERROR_BYTES_MAX).await {
            Ok(body) => Failure::refused(status, &body, wait),
            Err(_) => Failure::refused(status, b"", wait),
        }
    }

    /// A body's first `bytes_max` bytes.
    pub(super) async fn body(&self, mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Failure::of(&self.url, &error))? {
            let room = bytes_max - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == bytes_max {
                break;
            }
        }
        Ok(body)
    }

    /// Asks a question, again while the server is busy or starting.
    pub(super) async fn ask(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Failure> {
        let mut failures = 0;
        loop {
            let failure = match self.send(request()).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            failures += 1;
            let Some(length) = RetryPolicy::QUESTION.pause(failures, &failure) else { return Err(failure) };
            tracing::info!(%failure, "asking again");
            pause(length).await;
        }
    }
}
