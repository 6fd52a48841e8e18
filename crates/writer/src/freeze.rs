//! When the memtable freezes. Pure.

use annals_table::Lsn;

use crate::settings::WriterSettings;

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreezeInput {
    pub first_lsn: Lsn,
    pub last_lsn: Lsn,
    pub bytes: u64,
    pub rows: u64,
    pub age_us: i64,
    /// Everything up to here is synced.
    pub durable_lsn: Lsn,
    /// Somebody asked for all rows up to here.
    pub wanted_lsn: Lsn,
    /// Frozen memtables that are not yet committed.
    pub frozen: usize,
}

/// Whether the active memtable is to be frozen now.
///
/// Never when its last row is not synced: a commit above the durable end of the WAL would make replay skip rows that get
/// the same LSNs later. Never when enough flushes are in flight.
pub(crate) fn is_due(input: &FreezeInput, settings: &WriterSettings) -> bool {
    let may = input.rows > 0 && input.last_lsn <= input.durable_lsn && input.frozen < settings.frozen_max;
    may && (input.bytes >= settings.freeze_bytes
        || input.rows >= settings.freeze_rows
        || input.age_us >= settings.freeze_age_ms as i64 * 1_000
        || input.first_lsn <= input.wanted_lsn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: FreezeInput = FreezeInput {
        first_lsn: Lsn(11),
        last_lsn: Lsn(20),
        bytes: 1,
        rows: 10,
        age_us: 0,
        durable_lsn: Lsn(20),
        wanted_lsn: Lsn(0),
        frozen: 0,
    };

    #[test]
    fn bytes_rows_age_and_a_request_each_make_a_freeze_due() {
        let settings = WriterSettings::default();
        assert!(!is_due(&IDLE, &settings));
        assert!(is_due(&FreezeInput { bytes: settings.freeze_bytes, ..IDLE }, &settings));
        assert!(is_due(&FreezeInput { rows: settings.freeze_rows, ..IDLE }, &settings));
        assert!(is_due(&FreezeInput { age_us: settings.freeze_age_ms as i64 * 1_000, ..IDLE }, &settings));
        assert!(is_due(&FreezeInput { wanted_lsn: Lsn(11), ..IDLE }, &settings));
        assert!(!is_due(&FreezeInput { wanted_lsn: Lsn(10), ..IDLE }, &settings));
    }

    #[test]
    fn nothing_freezes_above_the_synced_lsn_or_above_the_flushes_in_flight() {
        let settings = WriterSettings::default();
        let due = FreezeInput { wanted_lsn: Lsn(20), ..IDLE };
        assert!(!is_due(&FreezeInput { durable_lsn: Lsn(19), ..due }, &settings));
        assert!(!is_due(&FreezeInput { frozen: settings.frozen_max, ..due }, &settings));
        assert!(!is_due(&FreezeInput { rows: 0, ..due }, &settings));
    }
}
