//! Faults on demand: a file system and an object store that fail as real ones do, and a clock that does as it is told.
//!
//! - [`ModelFileSystem`] keeps two images of a disk, what programs see and what a loss of power leaves, and stops, fails or
//!   calls back at any operation.
//! - [`FaultyStore`] stands before an object store and gives the unclear answers that real ones give.
//! - [`SimClock`] stands still until it is moved.
//!
//! Nothing here draws chance of its own: what is random comes from a seed.

mod clock;
mod disk;
mod faulty_store;
mod model_fs;
mod names;
mod pages;

#[cfg(test)]
mod tests;

pub use clock::SimClock;
pub use faulty_store::{FaultyStore, StoreFault, StoreOperation, StoreOperationKind};
pub use model_fs::{FsFault, FsOperation, FsOperationKind, ModelFileSystem, Unsynced};
