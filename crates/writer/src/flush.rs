//! A flush: one frozen memtable becomes one data file for each (project, day). [`plan`] decides, [`encode`] performs.

mod plan;
mod run;

pub(crate) use plan::plan;
pub(crate) use run::{EncodedPartition, encode};
