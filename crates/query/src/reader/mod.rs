//! Direct reading of data files: footers, row groups and rows, without a query planner.
//!
//! A filter scan that wants the latest few rows spends its time on planning, not on rows; so it reads the pages itself.
//! The way in: [`Footer`] (what a file says of itself, cached), [`survey`] (which row groups can hold a match),
//! [`window`] (which rows match, decoding only the columns that the filter asks for), [`text`] (which of them hold the text
//! that is searched for), [`rows`] (those rows, whole).
//!
//! All bytes come through [`StoredFile`], which checks them against the file's sums; nothing here trusts them further than an
//! error.

mod block_cache;
mod data_reader;
mod doorkeeper;
mod file_caches;
mod footer;
mod metadata_cache;
mod page_cache;
mod page_fetch;
mod place;
mod rank;
mod row_group;
mod row_ranges;
mod rows;
mod scan_stats;
mod stored_file;
mod survey;
mod tail_parts;
mod text;
mod text_lengths;
mod top;
mod unpacked_pages;
mod window;

pub(crate) use block_cache::BlockOf;
pub(crate) use data_reader::{DataReader, RowRequest, Rows, undecodable};
pub use file_caches::FileCaches;
pub(crate) use footer::{Footer, tail_bytes};
pub use metadata_cache::CacheStats;
pub(crate) use rank::{Rank, Ranking, Seqs};
pub(crate) use row_ranges::RowRanges;
pub(crate) use rows::{event_rows, read_rows};
pub use scan_stats::{IndexUse, ScanStats, WordUse};
pub(crate) use stored_file::{Part, StoredFile, Tail};
pub(crate) use survey::{file_seqs, surviving_windows};
pub(crate) use tail_parts::tail_parts;
pub(crate) use text::find_text;
pub(crate) use top::{Hit, Top};
pub(crate) use window::{Window, WindowScan, on_cpu, scan_window, with_microseconds};
