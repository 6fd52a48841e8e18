//! [`ProjectId`]: the name of a tenant's project, safe to stand in a path unescaped.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Longest project id, in bytes.
pub const PROJECT_ID_BYTES_MAX: usize = 128;

/// A project id that keeps the rule `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`, so it needs no escaping in a path or URL.
///
/// Cheap to clone. Ordered by bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectId(Arc<str>);

impl ProjectId {
    /// Checks `id` against the rule.
    ///
    /// # Errors
    /// `Invalid`, naming the rule, for any other text.
    pub fn new(id: &str) -> Result<Self> {
        if Self::is_valid(id) {
            return Ok(Self(id.into()));
        }
        let shown: String = id.chars().take(40).collect();
        Err(Error::invalid(format!(
            "project id {shown:?} is not allowed: it must match [A-Za-z0-9][A-Za-z0-9._-]{{0,127}} \
             (a letter or digit, then up to 127 letters, digits, '.', '_' or '-')"
        )))
    }

    /// Whether `id` keeps the rule.
    pub fn is_valid(id: &str) -> bool {
        let bytes = id.as_bytes();
        !bytes.is_empty()
            && bytes.len() <= PROJECT_ID_BYTES_MAX
            && bytes[0].is_ascii_alphanumeric()
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ProjectId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
