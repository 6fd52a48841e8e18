//! A store in a simulated world: the real writer, table and query code over a model disk, a faulty object store and a clock
//! that stands still, all moved step by step by who holds the [`World`].

mod events;
mod node;
mod oracle;
mod place;
mod world;

pub(crate) use oracle::Findings;
pub(crate) use place::{Objects, Place, START_US};
pub(crate) use world::World;
