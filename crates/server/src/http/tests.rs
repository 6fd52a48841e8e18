//! The reading half of the interface, asked in process as a client asks it.

mod bed;
mod description;
mod fuzz;
mod hostile;
mod operations;
mod reading;
mod sql;
mod tail;
