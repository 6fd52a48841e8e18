//! A client of a running server: what the command line asks it, over HTTP.
//!
//! Events and rows come as Arrow IPC streams and leave here as the batches that a local engine would give. Errors carry what
//! the server said (`detail` of its problem documents) and what to do about it. Bytes from a server are never trusted to
//! size anything.

mod arrow_stream;
mod client;
mod events;
mod failure;
mod parameters;
mod reads;
mod retry;
mod server_url;
mod token;

pub(crate) use client::Client;
#[cfg(test)]
pub(crate) use events::RefusedRecord;
pub(crate) use events::{EventsAnswer, EventsPost};
pub(crate) use failure::{Failure, detail};
pub(crate) use retry::retry_after;
pub(crate) use server_url::ServerUrl;
pub(crate) use token::Token;

#[cfg(test)]
mod tests;
