//! The home of the integration tests; they are one binary, `it`, so that the query engine is linked once. Here is what they
//! share with the programs that they start.

/// One event of a producer that is made to be killed: what it holds follows from its number, so whoever finds it can tell
/// whether it is the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NumberedEvent {
    /// Which run of the program sent it.
    pub producer: u64,
    /// Its number among those of the run, from 0.
    pub sequence: u64,
}

/// Projects among which the events are spread.
const PROJECTS: u64 = 4;
/// Longest filler, so that events differ in length.
const FILLER_BYTES_MAX: u64 = 400;

impl NumberedEvent {
    /// The project that it belongs to.
    pub fn project(self) -> String {
        format!("p{}", self.mixed() % PROJECTS)
    }

    /// Its payload, a JSON object.
    pub fn payload(self) -> String {
        let Self { producer, sequence } = self;
        let filler = "x".repeat((self.mixed() / PROJECTS % FILLER_BYTES_MAX) as usize);
        format!(r#"{{"producer":{producer},"sequence":{sequence},"f":"{filler}"}}"#)
    }

    /// The event whose payload this is; `None` for any other text.
    pub fn of_payload(text: &str) -> Option<Self> {
        let (producer, rest) = text.strip_prefix(r#"{"producer":"#)?.split_once(r#","sequence":"#)?;
        let (sequence, _) = rest.split_once(',')?;
        let event = Self { producer: producer.parse().ok()?, sequence: sequence.parse().ok()? };
        (event.payload() == text).then_some(event)
    }

    /// It as a line of NDJSON, without a line feed.
    pub fn line(self) -> String {
        format!(r#"{{"type":"t","projectId":"{}","payload":{}}}"#, self.project(), self.payload())
    }

    /// A number that depends on both of its own.
    fn mixed(self) -> u64 {
        let bits = (self.producer << 32 ^ self.sequence).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (bits ^ bits >> 29) >> 8
    }
}
