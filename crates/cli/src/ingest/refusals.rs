//! The refused records of a body that a server answered for, completed from the body itself.
//!
//! A server tells of the first hundred by place and reason, and sends no bytes back. Lines are found in the body; what the
//! server does not tell of, and the bytes of an array's elements, come from decoding the body here by the same rules.

use std::collections::HashMap;

use annals_event::{EventDecoder, Refusal};

use crate::remote::EventsAnswer;

/// The refused records of `body`, by lines of the body. What the server told goes before what `decoder` finds; records that
/// neither knows of are missing.
pub(super) fn refusals(
    body: &[u8],
    is_array: bool,
    answer: &EventsAnswer,
    decoder: &EventDecoder,
    now_us: i64,
) -> Vec<Refusal> {
    if !is_array && answer.refusals.len() as u64 >= answer.refused {
        return told(body, answer);
    }
    let found = if is_array {
        decoder.decode_array(body, now_us).map(|decoded| decoded.refusals).unwrap_or_default()
    } else {
        decoder.decode_ndjson(body, now_us).refusals
    };
    let mut told: Vec<_> = if is_array {
        let of_server = |index, line, reason: &String| Refusal { index, line, reason: reason.clone(), raw: Vec::new() };
        answer.refusals.iter().map(|record| of_server(record.index, record.line, &record.reason)).collect()
    } else {
        told(body, answer)
    };
    let places: HashMap<u64, usize> = told.iter().enumerate().map(|(place, refusal)| (refusal.index, place)).collect();
    for refusal in found {
        match places.get(&refusal.index) {
            Some(place) => told[*place].raw = refusal.raw,
            None if (told.len() as u64) < answer.refused => told.push(refusal),
            None => {}
        }
    }
    told
}

/// What the server told, with the lines' bytes.
fn told(body: &[u8], answer: &EventsAnswer) -> Vec<Refusal> {
    let mut lines = body.split(|byte| *byte == b'\n').zip(1u64..).peekable();
    let mut told = Vec::with_capacity(answer.refusals.len());
    for record in &answer.refusals {
        while lines.next_if(|(_, number)| *number < record.line).is_some() {}
        let raw = lines.peek().filter(|(_, number)| *number == record.line).map_or(&b""[..], |(line, _)| line);
        told.push(Refusal {
            index: record.index,
            line: record.line,
            reason: record.reason.clone(),
            raw: raw.trim_ascii().to_vec(),
        });
    }
    told
}

#[cfg(test)]
mod tests {
    use annals_event::DecodeSettings;

    use super::*;
    use crate::remote::RefusedRecord;

    fn decoder() -> EventDecoder {
        EventDecoder::new(DecodeSettings::default(), None)
    }

    fn answer(refused: u64, told: &[(u64, u64)]) -> EventsAnswer {
        let record = |(index, line): &(u64, u64)| RefusedRecord { index: *index, line: *line, reason: "no".to_owned() };
        EventsAnswer { refused, refusals: told.iter().map(record).collect(), ..EventsAnswer::default() }
    }

    #[test]
    fn the_bytes_of_a_refused_line_come_from_the_body() {
        let body = b"{}\n\nrubbish \r\nmore\n";
        let refusals = refusals(body, false, &answer(2, &[(1, 3), (2, 4)]), &decoder(), 0);
        assert_eq!(
            refusals.iter().map(|refusal| refusal.raw.as_slice()).collect::<Vec<_>>(),
            [&b"rubbish"[..], b"more"]
        );
        assert_eq!((refusals[0].line, refusals[0].reason.as_str()), (3, "no"));
    }

    #[test]
    fn what_the_server_left_out_is_found_by_decoding() {
        let body = b"a\nb\nc\n";
        let refusals = refusals(body, false, &answer(3, &[(0, 1)]), &decoder(), 0);
        assert_eq!(refusals.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(refusals[0].reason, "no");
        assert_ne!(refusals[1].reason, "no");
    }

    #[test]
    fn no_more_are_told_than_the_server_refused() {
        let refusals = refusals(b"a\nb\nc\n", false, &answer(2, &[(2, 3)]), &decoder(), 0);
        assert_eq!(refusals.len(), 2);
    }

    #[test]
    fn an_element_of_an_array_is_known_by_its_place() {
        let body = b"[{\"projectId\":\"../etc\"},\n 7]";
        let refusals = refusals(body, true, &answer(2, &[(0, 1), (1, 2)]), &decoder(), 0);
        assert_eq!(refusals[0].raw, b"{\"projectId\":\"../etc\"}");
        assert_eq!(refusals[1].raw, b"7");
    }

    #[test]
    fn a_line_that_the_body_does_not_have_is_told_without_bytes() {
        let refusals = refusals(b"a\n", false, &answer(2, &[(7, 900), (0, 1)]), &decoder(), 0);
        assert!(refusals.iter().all(|refusal| refusal.raw.is_empty()));
    }
}
