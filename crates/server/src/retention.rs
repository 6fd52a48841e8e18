//! Retention at work: at the start and every hour, days that are older than they are to be kept leave their table.
//!
//! A clock that was set ahead would make every day look old. So nothing expires while the time of day has gone on further
//! than time has passed since the start; a start is the operator's word that the clock is right.

use std::sync::Arc;
use std::time::Duration;

use annals_event::{Clock, DAY_US, Day};
use annals_table::Table;
use annals_writer::expire;

use crate::node::Node;
use crate::settings::{Keep, ServeSettings};

const INTERVAL: Duration = Duration::from_secs(3_600);
/// How much further the time of day may go on than time passes: clocks are corrected, and summer begins.
const AHEAD_US_MAX: i64 = 2 * 3_600 * 1_000_000;

/// Runs until it is aborted.
pub(crate) async fn run(node: Arc<Node>, settings: ServeSettings) {
    let mut hours = tokio::time::interval(INTERVAL);
    let (started, started_us) = (hours.tick().await, node.clock.now_us());
    let mut passed = Duration::ZERO;
    loop {
        let now_us = node.clock.now_us();
        if is_believed(started_us, now_us, passed) {
            expire_tables(&node, &settings).await;
        } else {
            let since_start_s = (now_us - started_us) / 1_000_000;
            tracing::error!(
                since_start_s,
                "the clock was set ahead: nothing expires until it is right again, or the server starts anew"
            );
        }
        passed = hours.tick().await - started;
    }
}

async fn expire_tables(node: &Arc<Node>, settings: &ServeSettings) {
    let node = Arc::clone(node);
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

/// Whether the time of day has not gone on further than time has passed.
fn is_believed(started_us: i64, now_us: i64, passed: Duration) -> bool {
    let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    now_us.saturating_sub(started_us).saturating_sub(passed_us) <= AHEAD_US_MAX
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
    fn a_clock_is_believed_as_long_as_it_goes_on_as_time_does() {
        let (start_us, hour) = (1_780_185_600_000_000, Duration::from_secs(3_600));
        let hour_us = 3_600_000_000;
        assert!(is_believed(start_us, start_us + hour_us, hour));
        assert!(!is_believed(start_us, start_us + 4 * hour_us, hour));
        assert!(!is_believed(start_us, start_us + 87_600 * hour_us, hour));
        assert!(is_believed(start_us, start_us + 2 * hour_us, hour), "summer begins");
        assert!(is_believed(start_us, start_us - 87_600 * hour_us, hour), "one that is set back expires nothing early");
        assert!(is_believed(start_us, start_us + 30 * hour_us, hour * 30), "once it is right, it is believed again");
        assert!(is_believed(i64::MIN, i64::MAX, Duration::MAX));
    }

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
