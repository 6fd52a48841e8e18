//! [`export`]: a request's records mapped and handed to the sink, whichever way they came.

use annals_event::ProjectId;
use bytes::Bytes;

use super::answer::Failure;
use super::json::map_json;
use super::map::{MapError, MapLimits, Mapped, Mapper};
use super::protobuf::map_protobuf;
use super::sink::{LogSink, Place};

/// Bodies from this size are mapped on a thread that may block: smaller ones take less than a millisecond or two.
const BLOCKING_BYTES_MIN: usize = 256 << 10;

/// How much longer than its event the text of a record may be: OTLP says in more words what JSON says in few.
const RECORD_BYTES_PER_EVENT_BYTE: usize = 4;

/// The encoding of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Protobuf,
    Json,
}

impl Wire {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A request, decompressed.
#[derive(Debug)]
pub(super) struct Upload<P> {
    pub(super) body: Bytes,
    /// Room for it.
    pub(super) place: P,
    pub(super) wire: Wire,
    /// Of records that name none.
    pub(super) project: Option<ProjectId>,
    /// Which way in it took.
    pub(super) source: &'static str,
}

/// What became of the records of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exported {
    /// How many were refused.
    pub(super) rejected: u64,
    /// Which was the first, why, and what to do; empty when none was.
    pub(super) explanation: String,
}

/// Takes a request.
///
/// # Errors
/// When nothing of it was taken; records that break a rule are told of in the answer.
pub(super) async fn export<S: LogSink>(sink: &S, upload: Upload<S::Place>) -> Result<Exported, Failure> {
    let bounds = sink.bounds()?;
    let limits = MapLimits {
        record_bytes_max: bounds.event_bytes_max.saturating_mul(RECORD_BYTES_PER_EVENT_BYTE),
        body_bytes_max: bounds.body_bytes_max,
    };
    let Upload { body, place, wire, project, source } = upload;
    let has_project = project.is_some();
    let (mut mapped, place) = if body.len() < BLOCKING_BYTES_MIN {
        map(&body, place, wire, limits, has_project)?
    } else {
        tokio::task::spawn_blocking(move || map(&body, place, wire, limits, has_project))
            .await
            .map_err(|_| Failure::Internal)??
    };
    let events = Bytes::from(std::mem::take(&mut mapped.body));
    let mut refused = 0;
    let mut first = None;
    if mapped.lines() > 0 {
        let receipt = sink.submit(events, place, project, source).await?;
        refused = receipt.refused;
        first = receipt.refusals.into_iter().next().map(|(line, reason)| (mapped.record_of_line(line), reason));
    }
    Ok(exported(mapped, refused, first))
}

/// What a request becomes, and the room for it.
fn map<P: Place>(
    body: &[u8],
    mut place: P,
    wire: Wire,
    limits: MapLimits,
    has_project: bool,
) -> Result<(Mapped, P), Failure> {
    let mapper = Mapper::new(limits, has_project, &mut place, body.len());
    let mapped = match wire {
        Wire::Protobuf => map_protobuf(body, mapper),
        Wire::Json => map_json(body, mapper),
    };
    match mapped {
        Ok(mapped) => Ok((mapped, place)),
        Err(MapError::Malformed(reason)) => Err(Failure::Invalid(reason)),
        Err(MapError::TooLarge(reason)) => Err(Failure::TooLarge(reason)),
        Err(MapError::NoRoom(error)) => Err(error.into()),
    }
}

fn exported(mapped: Mapped, refused: u64, first: Option<(u64, String)>) -> Exported {
    let rejected = refused + mapped.unreadable.len() as u64;
    if rejected == 0 {
        return Exported::default();
    }
    let first = mapped.unreadable.into_iter().next().into_iter().chain(first).min_by_key(|(record, _)| *record);
    let mut explanation = match first {
        Some((record, reason)) => format!("record {record}: {reason}"),
        None => "the reasons were not kept".to_owned(),
    };
    if rejected > 1 {
        explanation.push_str(&format!(" ({rejected} of {} records were refused)", mapped.records));
    }
    Exported { rejected, explanation }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(records: u64, unreadable: &[u64]) -> Mapped {
        let unreadable = unreadable.iter().map(|index| (*index, format!("unreadable {index}"))).collect();
        Mapped { body: Vec::new(), records, unreadable }
    }

    #[test]
    fn the_first_refused_record_is_named_by_its_place_in_the_request() {
        let some = mapped(6, &[0, 3]);
        assert_eq!((0..4).map(|line| some.record_of_line(line)).collect::<Vec<_>>(), [1, 2, 4, 5]);
        let answer = exported(mapped(6, &[3]), 2, Some((1, "too old".into())));
        assert_eq!(
            answer,
            Exported { rejected: 3, explanation: "record 1: too old (3 of 6 records were refused)".into() }
        );
        assert_eq!(exported(mapped(2, &[0]), 0, None).explanation, "record 0: unreadable 0");
        assert_eq!(exported(mapped(2, &[]), 0, None), Exported::default());
    }
}
