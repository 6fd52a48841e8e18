//! Retention at work: at the start and every hour, days that are older than they are to be kept leave their table.

use std::sync::Arc;
use std::time::Duration;

use annals_event::{Clock, DAY_US, Day};
use annals_table::Table;
use annals_writer::expire;

use crate::node::Node;
use crate::settings::{Keep, ServeSettings};

const INTERVAL: Duration = Duration::from_secs(3_600);

/// Runs until it is aborted.
pub(crate) async fn run(node: Arc<Node>, settings: ServeSettings) {
    let mut hours = tokio::time::interval(INTERVAL);
    loop {
        hours.tick().await;
        let node = Arc::clone(&node);
        let keeps =
            [(Arc::clone(node.engine.table()), settings.keep), (node.dead_letters_table(), settings.dead_letters_keep)];
        let done = tokio::task::spawn_blocking(move || {
            for (table, keep) in keeps {
                expire_table(&table, keep, node.clock.as_ref());
            }
        });
        // A panic is logged by the runtime's hook; the next hour tries again.
        let _ = done.await;
    }
}

fn expire_table(table: &Table, keep: Keep, clock: &dyn Clock) {
    let Some(first_kept) = first_kept(keep, clock.now_us()) else { return };
    match expire(table, first_kept) {
        Ok(expiry) if expiry.files.is_empty() => {}
        Ok(expiry) => {
            let (files, rows, bytes) = (expiry.files.len(), expiry.rows, expiry.bytes);
            tracing::info!(table = table.name(), %first_kept, files, rows, bytes, "expired days left the table");
        }
        Err(error) => {
            tracing::warn!(table = table.name(), %error, "expired days could not be removed; the next hour tries again")
        }
    }
}

/// The first day that is kept, the one in which the time to keep began; `None` when all are.
fn first_kept(keep: Keep, now_us: i64) -> Option<Day> {
    let days = i64::from(keep.days()?);
    Some(Day::of_us(now_us.saturating_sub(days.saturating_mul(DAY_US))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_kept_as_long_as_any_instant_of_it_is() {
        let midnight_us = 1_780_185_600_000_000;
        let today = Day::of_us(midnight_us).days();
        let kept = |days, now_us| first_kept(Keep::Days(days), now_us).unwrap().days();
        assert_eq!(first_kept(Keep::Forever, midnight_us), None);
        assert_eq!(kept(1, midnight_us), today - 1);
        assert_eq!(kept(30, midnight_us - 1), today - 31);
        assert_eq!(kept(30, midnight_us + DAY_US - 1), today - 30);
    }
}
