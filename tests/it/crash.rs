//! Stopping a writer at any moment, and what the next start finds.
