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
