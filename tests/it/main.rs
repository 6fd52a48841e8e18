//! Integration tests, one module a subject.
//!
//! What needs more than a checkout stands in a module named for the need: `needs_shared` takes its input from the folder
//! that ANNALS_SHARED names, `needs_python` runs the Python of ANNALS_PYTHON (ANNALS_PYTHON_OTLP for OpenTelemetry's
//! clients), `needs_node` runs Node in the folder ANNALS_NODE, `needs_syslog_ng` runs the syslog-ng that ANNALS_SYSLOG_NG
//! names, `needs_page` drives the browser ANNALS_CHROMIUM by the scripts in ANNALS_PAGE_SCRIPTS, `needs_mount` mounts a file
//! system in a namespace of its own. `cargo xtask test` runs each kind when the need is met and lists it as not run when it
//! is not; run by hand without it, such a test fails and says what to do.

#![allow(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

mod cli;
mod decode;
mod interop;
mod lookups;
mod needles;
mod otlp;
mod page;
mod proofs;
mod real_data;
mod s3;
mod search;
mod serve;
mod server;
mod slt;
mod support;

use support::shared_dir;
