//! The members of an event that have a meaning of their own, by wire name: one slot for each, aliases after the rest.

use crate::schema::TEXT_COLUMNS;

/// Number of slots.
pub(crate) const SLOTS: usize = 24;

// Slots up to `PROJECT_ID` are positions in `TEXT_COLUMNS`; that of the attributes column stays free, for a member of that
// name is one like any other.
pub(crate) const ID: usize = 0;
pub(crate) const LEVEL: usize = 1;
pub(crate) const TYPE: usize = 2;
pub(crate) const MESSAGE: usize = 3;
pub(crate) const ERROR: usize = 15;
pub(crate) const PAYLOAD: usize = 16;
pub(crate) const ATTRIBUTES: usize = 17;
pub(crate) const PROJECT_ID: usize = 18;
pub(crate) const TIMESTAMP: usize = 19;

/// (slot of the canonical name, slot of its alias)
pub(crate) const ALIASES: [(usize, usize); 4] = [(5, 20), (6, 21), (9, 22), (10, 23)];

/// Wire name of a slot.
pub(crate) fn wire_name(slot: usize) -> &'static str {
    match slot {
        TIMESTAMP => "timestamp",
        20 => "userId",
        21 => "credentialId",
        22 => "requestId",
        23 => "integration",
        _ => TEXT_COLUMNS[slot].1,
    }
}

/// The slot of a member, if its name is known.
#[inline]
pub(crate) fn slot(wire_name: &[u8]) -> Option<usize> {
    Some(match wire_name {
        b"id" => ID,
        b"level" => LEVEL,
        b"type" => TYPE,
        b"message" => MESSAGE,
        b"personaId" => 4,
        b"endUserId" => 5,
        b"connectCredentialId" => 6,
        b"connectCredentialConfigId" => 7,
        b"workflowId" => 8,
        b"traceId" => 9,
        b"integrationId" => 10,
        b"webhookId" => 11,
        b"eventId" => 12,
        b"eventName" => 13,
        b"status" => 14,
        b"error" => ERROR,
        b"payload" => PAYLOAD,
        b"projectId" => PROJECT_ID,
        b"timestamp" => TIMESTAMP,
        b"userId" => 20,
        b"credentialId" => 21,
        b"requestId" => 22,
        b"integration" => 23,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_one_name_that_leads_back_to_it() {
        for slot_at in (0..SLOTS).filter(|slot| *slot != ATTRIBUTES) {
            assert_eq!(slot(wire_name(slot_at).as_bytes()), Some(slot_at), "{}", wire_name(slot_at));
        }
        assert_eq!(slot(b"attributes"), None);
    }

    #[test]
    fn aliases_stand_beside_their_canonical_names() {
        let names: Vec<_> = ALIASES.iter().map(|(name, alias)| (wire_name(*name), wire_name(*alias))).collect();
        assert_eq!(
            names,
            [
                ("endUserId", "userId"),
                ("connectCredentialId", "credentialId"),
                ("traceId", "requestId"),
                ("integrationId", "integration")
            ]
        );
    }
}
