//! The HTTP interface: one file a resource, [`Problem`] for every error.

mod problem;

pub(crate) use problem::Problem;
