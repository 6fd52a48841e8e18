//! [`Access`]: how one invocation gets at the events, decided once and before anything is read.
//!
//! A server that was named is asked. Without one, a store that a server holds is read and written through that server, for
//! only it sees what is not committed yet; any other store is opened here.

use std::path::Path;
use std::sync::Arc;

use annals_event::{Clock, SystemClock};
use anyhow::Result;
use tokio::runtime::Runtime;

use crate::command::Common;
use crate::remote::{Client, ServerUrl, Token};
use crate::session::{Session, start_runtime};
use crate::source::Source;

/// Where the events are.
pub(crate) enum Access {
    /// In a store that this process opens.
    Here(Session),
    /// In a store on this machine that a server holds.
    Held { client: Client, session: Session },
    /// Behind a server that was named.
    Elsewhere { client: Client, runtime: Runtime, clock: Arc<dyn Clock> },
}

impl Access {
    /// Decides by `--server`, then by who holds the store.
    ///
    /// # Errors
    /// When the store or the token's file cannot be opened. No server is asked yet.
    pub(crate) fn open(common: &Common) -> Result<Self> {
        let Some(url) = &common.server else { return Self::over(Session::connect(common)?, common) };
        let client = client(url, common.token_file.as_deref())?;
        Ok(Self::Elsewhere { client, runtime: start_runtime()?, clock: Arc::new(SystemClock) })
    }

    /// Decides by who holds the store of `session`.
    pub(crate) fn over(session: Session, common: &Common) -> Result<Self> {
        let Some(url) = session.server()? else { return Ok(Self::Here(session)) };
        tracing::info!(server = %url, "a server holds the store: asking it");
        Ok(Self::Held { client: client(&url, common.token_file.as_deref())?, session })
    }

    /// What answers questions. Opens the store, or does nothing yet where a server will be asked.
    pub(crate) fn source(&self) -> Result<Source> {
        Ok(match self {
            Self::Here(session) => Source::Local(Box::new(session.reader()?)),
            Self::Held { client, .. } | Self::Elsewhere { client, .. } => Source::Remote(client.clone()),
        })
    }

    /// Runs what is asked.
    pub(crate) fn runtime(&self) -> &Runtime {
        match self {
            Self::Here(session) | Self::Held { session, .. } => &session.runtime,
            Self::Elsewhere { runtime, .. } => runtime,
        }
    }

    /// Time of day.
    pub(crate) fn clock(&self) -> &dyn Clock {
        match self {
            Self::Here(session) | Self::Held { session, .. } => session.clock.as_ref(),
            Self::Elsewhere { clock, .. } => clock.as_ref(),
        }
    }

    /// The store's session, unless the server is elsewhere.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Self::Here(session) | Self::Held { session, .. } => Some(session),
            Self::Elsewhere { .. } => None,
        }
    }

    /// The URL of the store or of the server, for people.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Here(session) => session.store.url().to_owned(),
            Self::Held { client, .. } | Self::Elsewhere { client, .. } => client.url().to_string(),
        }
    }
}

fn client(url: &ServerUrl, token_file: Option<&Path>) -> Result<Client> {
    Client::new(url.clone(), token_file.map(Token::read).transpose()?.as_ref())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::Cli;

    fn common(dir: &tempfile::TempDir, more: &[&str]) -> Common {
        let store = dir.path().join("store");
        let mut arguments = vec!["annals", "info", "--store", store.to_str().unwrap()];
        arguments.extend(more);
        Cli::try_parse_from(arguments).unwrap().common
    }

    fn served_at(access: &Access) -> Option<String> {
        match access {
            Access::Here(_) => None,
            Access::Held { client, .. } | Access::Elsewhere { client, .. } => Some(client.url().to_string()),
        }
    }

    #[test]
    fn a_store_is_opened_here_unless_a_server_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let common = common(&dir, &[]);
        assert_eq!(served_at(&Access::open(&common).unwrap()), None);

        let holder = Session::connect(&common).unwrap();
        let (_, writer) = holder.writer().unwrap();
        assert_eq!(served_at(&Access::open(&common).unwrap()), None);
        writer.announce_http("http://127.0.0.1:6171").unwrap();
        let access = Access::open(&common).unwrap();
        assert_eq!(served_at(&access).as_deref(), Some("http://127.0.0.1:6171"));
        assert!(access.session().is_some());

        writer.close(false).unwrap();
        assert_eq!(served_at(&Access::open(&common).unwrap()), None);
    }

    #[test]
    fn a_server_that_is_named_is_asked_and_no_store_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(&common(&dir, &["--server", "annals.example:6170"])).unwrap();
        assert_eq!(served_at(&access).as_deref(), Some("http://annals.example:6170"));
        assert!(access.session().is_none() && !dir.path().join("store").exists());
    }

    #[test]
    fn the_tokens_file_matters_only_where_a_server_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let token = ["--token-file", "/no/such/token"];
        assert!(Access::open(&common(&dir, &token)).is_ok());
        let error = Access::open(&common(&dir, &["--server", "h", token[0], token[1]])).err().unwrap();
        assert!(error.to_string().contains("/no/such/token"), "{error}");
    }
}
