//! OTLP logs on their way in: a request of log records becomes NDJSON events, which a [`LogSink`] takes.
//!
//! `data/otlp.md` says which part of a record becomes which member of an event; nothing that a client sends is dropped.
//! Records are read one by one out of the request, and what they become is counted against the memory that requests
//! share, so a request costs no more than it may, however it is built. A record that cannot be read is refused alone.
//!
//! - [`map`](map::Mapper): records to NDJSON; `protobuf` and `json` find the records in the two encodings of a request
//! - [`http_routes`]: `POST /v1/logs`; [`grpc_routes`]: `LogsService/Export`
//! - `export`: what both do with a request; `answer`: what both say to it

mod answer;
mod base64;
mod export;
mod field;
#[cfg(test)]
mod fuzz;
mod grpc;
mod head;
mod http;
mod json;
mod lenient;
mod map;
mod protobuf;
mod record;
mod sink;
#[cfg(test)]
mod testing;
mod value;

pub(crate) use grpc::{Authorize, grpc_routes};
pub(crate) use http::http_routes;
pub(crate) use sink::{LogSink, Place, SinkBounds, SinkError, SinkReceipt};

/// Header of HTTP and metadata of gRPC that names the project of records which name none.
pub(crate) const PROJECT_HEADER: &str = "annals-project";
