//! One event by its id.
//!
//! An id that the log assigned tells the writer and the seq of its event, so the files whose flush cannot hold it are left
//! for a second look. That is a guess: a client may have given an id of the same form to any row, and a compaction may
//! have moved the row to a file with another origin. So nothing counts as absent before every file was asked; what a wrong
//! guess costs is time.

use std::sync::Arc;

use annals_event::{AssignedId, ProjectId, parse_assigned_id};
use annals_table::{DataFile, FileOrigin};
use arrow::array::RecordBatch;

use crate::deadline::within;
use crate::engine::Engine;
use crate::error::Result;
use crate::event_query::EventQuery;
use crate::filter::Filter;
use crate::reader::ScanStats;
use crate::search::{PageRequest, candidate_files, search_rows, tail_batches};
use crate::stopwatch::Stopwatch;

/// An assigned id holds only so much of the writer's id and of the seq.
const WRITER_MASK: u32 = (1 << 22) - 1;
const SEQ_MAX: u64 = (1 << 52) - 1;

impl Engine {
    /// The event with this id as a batch of one row in `annals_event::event_schema()`, and what it took to find it; `None`
    /// when there is none. Of several events with one id (clients may give it twice) it is the newest where it is first
    /// found.
    ///
    /// An assigned id of a committed event costs the files of one flush; any other id, and one that is not there, costs a
    /// look at every file of the project.
    ///
    /// # Errors
    /// As [`search`](Self::search), as is cancel safety.
    pub async fn event(&self, id: &str, project: Option<&ProjectId>) -> Result<Option<(RecordBatch, ScanStats)>> {
        let watch = Stopwatch::start();
        let query = EventQuery {
            projects: project.into_iter().cloned().collect(),
            ids: vec![id.to_owned()],
            limit: 1,
            ..EventQuery::default()
        };
        let view = self.view();
        let files = candidate_files(&view, &query, &Filter::new(&query)?);
        let (likely, others) = match parse_assigned_id(id) {
            Some(id) => files.into_iter().partition(|file: &Arc<DataFile>| may_hold(file.origin, id)),
            None => (files, Vec::new()),
        };
        let plan_ms = watch.ms();
        let scan = async {
            let mut stats = ScanStats::default();
            let nothing: Arc<[RecordBatch]> = Arc::default();
            for (tail, files) in [(tail_batches(&view), likely), (nothing, others)] {
                let (store, caches) = (self.table().object_store(), self.caches());
                let (page, filter) = (PageRequest::of(&query), Filter::new(&query)?);
                let page = search_rows(tail, files.into(), store, caches, &page, filter).await?;
                stats += page.stats;
                if page.events.num_rows() > 0 {
                    return Ok(Some((page.events, stats)));
                }
            }
            Ok(None)
        };
        let found = within(self.settings().time_ms_max, scan).await?;
        Ok(found.map(|(event, mut stats)| {
            stats.files_total = view.snapshot.file_count();
            (event, stats.timed(plan_ms, watch.ms()))
        }))
    }
}

/// Whether the flush that made a file may have had the row that was given `id`. A file of another program may hold any.
fn may_hold(origin: Option<FileOrigin>, id: AssignedId) -> bool {
    origin.is_none_or(|origin| {
        origin.writer.0 & WRITER_MASK == id.writer22
            && (origin.last_lsn.0 > SEQ_MAX || (origin.first_lsn.0..=origin.last_lsn.0).contains(&id.seq))
    })
}

#[cfg(test)]
mod tests;
