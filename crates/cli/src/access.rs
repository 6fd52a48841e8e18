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

/// The runtime, the clock, and the place where the events are.
pub(crate) struct Access {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) place: Place,
}

/// Where the events are.
pub(crate) enum Place {
    /// In a store that this process opens.
    Here(Session),
    /// Behind a server; with the store's session where it is one of ours.
    Served { client: Client, session: Option<Session> },
}

impl Access {
    /// Decides by `--server`, then by who holds the store.
    ///
    /// # Errors
    /// When the store or the token's file cannot be opened. No server is asked yet.
    pub(crate) fn open(common: &Common) -> Result<Self> {
        let Some(url) = &common.server else { return Self::over(Session::connect(common)?, common) };
        Ok(Self {
            runtime: start_runtime()?,
            clock: Arc::new(SystemClock),
            place: Place::Served { client: client(url, common.token_file.as_deref())?, session: None },
        })
    }

    /// Decides by who holds the store of `session`.
    pub(crate) fn over(session: Session, common: &Common) -> Result<Self> {
        let (runtime, clock) = (Arc::clone(&session.runtime), Arc::clone(&session.clock));
        let place = match session.server()? {
            None => Place::Here(session),
            Some(url) => {
                tracing::info!(server = %url, "a server holds the store: asking it");
                Place::Served { client: client(&url, common.token_file.as_deref())?, session: Some(session) }
            }
        };
        Ok(Self { runtime, clock, place })
    }

    /// What answers questions. Opens the store, or does nothing yet where a server will be asked.
    pub(crate) fn source(&self) -> Result<Source> {
        Ok(match &self.place {
            Place::Here(session) => Source::Local(Box::new(session.reader()?)),
            Place::Served { client, .. } => Source::Remote(client.clone()),
        })
    }

    /// The store's session, unless the server is elsewhere.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.place {
            Place::Here(session) => Some(session),
            Place::Served { session, .. } => session.as_ref(),
        }
    }

    /// The URL of the store or of the server, for people.
    pub(crate) fn url(&self) -> String {
        match &self.place {
            Place::Here(session) => session.store.url().to_owned(),
            Place::Served { client, .. } => client.url().to_string(),
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
        match &access.place {
            Place::Here(_) => None,
            Place::Served { client, .. } => Some(client.url().to_string()),
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
