//! [`Pool`]: bodies made before the run, realistic events with a marker each, of which every request sends a patched copy.

use annals_event::{DAY_US, format_timestamp, parse_timestamp};
use annals_testkit::{Generator, GeneratorSettings};
use anyhow::{Context, Result, bail};
use memchr::memmem;

use super::marker::{RunId, patch};

/// Events that a pool holds where they fit, so that ids, traces and times do not repeat at once.
pub(super) const POOL_EVENTS: u64 = 16_384;
/// Bytes of a pool; a single body may be larger.
const POOL_BYTES: u64 = 64 << 20;
/// Bytes that a server takes as one body.
pub(super) const BODY_BYTES_MAX: u64 = 64 << 20;
/// What an event of the generator takes, its marker included.
const EVENT_BYTES_MEAN: u64 = 1_100;

/// What a pool is made from.
#[derive(Clone, Debug)]
pub(super) struct PoolPlan {
    pub(super) run: RunId,
    /// Events of a body.
    pub(super) batch: u32,
    /// Events of all bodies together, as far as memory has room.
    pub(super) events: u64,
    pub(super) seed: u64,
    pub(super) projects: u32,
    /// Whether events carry ids of their own, their markers.
    pub(super) ids: bool,
    /// Events are padded to this many bytes; those that have more stay as they are.
    pub(super) event_bytes: u64,
    /// No event is later, microseconds UTC.
    pub(super) end_us: i64,
    /// How long before that the first ones are, microseconds.
    pub(super) spread_us: i64,
}

/// One body and where its markers start.
#[derive(Debug)]
pub(super) struct Template {
    body: Vec<u8>,
    markers: Vec<u32>,
}

/// The bodies of a run.
#[derive(Debug)]
pub(super) struct Pool {
    templates: Vec<Template>,
}

impl PoolPlan {
    /// How many bodies the pool holds.
    fn templates(&self) -> u64 {
        let body_bytes = u64::from(self.batch) * self.event_bytes.max(EVENT_BYTES_MEAN);
        let wanted = self.events.div_ceil(u64::from(self.batch)).max(2);
        wanted.min(POOL_BYTES / body_bytes).max(1)
    }
}

impl Pool {
    /// Generates the events. The same plan gives the same bytes.
    ///
    /// # Errors
    /// When a body would be larger than a server takes.
    pub(super) fn build(plan: &PoolPlan) -> Result<Self> {
        let count = plan.templates();
        let days =
            u32::try_from(plan.spread_us.div_euclid(DAY_US) + 1).context("the events' times lie too far back")?;
        let mut generator = Generator::new(GeneratorSettings {
            events: count * u64::from(plan.batch),
            seed: plan.seed,
            projects: plan.projects,
            days,
            end_us: plan.end_us,
            ..GeneratorSettings::default()
        });
        let mut noise = Noise(plan.seed | 1);
        let mut templates = Vec::new();
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.clear();
            generator.write_ndjson(&mut lines, plan.batch as usize);
            let mut template = Template { body: Vec::new(), markers: Vec::new() };
            for (index, line) in (0u32..).zip(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())) {
                template.push(line, index, plan, i64::from(days) * DAY_US, &mut noise)?;
                if template.body.len() as u64 > BODY_BYTES_MAX {
                    bail!("a request of {} events is above 64 MiB: lower --batch or --event-bytes", plan.batch);
                }
            }
            templates.push(template);
        }
        Ok(Self { templates })
    }

    /// Replaces `out` by the body of a batch.
    pub(super) fn fill(&self, producer: u16, batch: u64, out: &mut bytes::BytesMut) {
        let nth = (u64::from(producer) + batch) % self.templates.len() as u64;
        let template = &self.templates[nth as usize];
        out.clear();
        out.extend_from_slice(&template.body);
        patch(out, &template.markers, producer, batch);
    }
}

impl Template {
    /// Adds a generated event with its marker, its time moved and its payload padded.
    fn push(&mut self, line: &[u8], index: u32, plan: &PoolPlan, span_us: i64, noise: &mut Noise) -> Result<()> {
        const TIME: &[u8] = b"{\"timestamp\":\"";
        const PAYLOAD: &[u8] = b",\"payload\":{";
        const PADDING: &[u8] = b"\"padding\":\"\",";
        let shape = "the generator writes events in another shape";
        let rest = line.strip_prefix(TIME).context(shape)?;
        let quote = memchr::memchr(b'"', rest).context(shape)?;
        let (time, rest) = rest.split_at(quote);
        let time = moved(std::str::from_utf8(time).context(shape)?, plan.end_us, plan.spread_us, span_us)?;

        let start = self.body.len();
        self.body.push(b'{');
        for name in ["id", "load"].into_iter().skip(usize::from(!plan.ids)) {
            self.body.extend_from_slice(format!("\"{name}\":\"").as_bytes());
            self.markers.push(u32::try_from(self.body.len()).context("a request of more than 4 GiB")?);
            self.body.extend_from_slice(plan.run.template_marker(index).as_bytes());
            self.body.extend_from_slice(b"\",");
        }
        self.body.extend_from_slice(&TIME[1..]);
        self.body.extend_from_slice(time.as_bytes());
        let written = self.body.len() - start + rest.len();
        let missing = usize::try_from(plan.event_bytes)?.saturating_sub(written);
        match memmem::find(rest, PAYLOAD).filter(|_| missing > PADDING.len()) {
            None => self.body.extend_from_slice(rest),
            Some(at) => {
                let (before, after) = rest.split_at(at + PAYLOAD.len());
                self.body.extend_from_slice(before);
                self.body.extend_from_slice(&PADDING[..PADDING.len() - 2]);
                noise.write(&mut self.body, missing - PADDING.len());
                self.body.extend_from_slice(b"\",");
                self.body.extend_from_slice(after);
            }
        }
        self.body.push(b'\n');
        Ok(())
    }
}

/// A generated time, moved from the generator's whole days into the plan's spread; the order of times stays.
fn moved(time: &str, end_us: i64, spread_us: i64, span_us: i64) -> Result<String> {
    let before_us = end_us - parse_timestamp(time).context("a generated time")?;
    let moved_us = end_us - (i128::from(before_us) * i128::from(spread_us) / i128::from(span_us)) as i64;
    let mut text = format_timestamp(moved_us);
    // Milliseconds, as the generator writes them.
    text.truncate(text.len() - 4);
    text.push('Z');
    Ok(text)
}

/// Letters and digits that compress as little as ids do.
struct Noise(u64);

impl Noise {
    fn write(&mut self, out: &mut Vec<u8>, mut bytes: usize) {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        while bytes > 0 {
            // xorshift64: one round gives ten letters of six bits.
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let count = bytes.min(10);
            out.extend((0..count).map(|nth| LETTERS[(self.0 >> (nth * 6) & 63) as usize]));
            bytes -= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use annals_event::{DecodeSettings, EventDecoder};
    use bytes::BytesMut;
    use serde_json::Value;

    use super::*;

    const END_US: i64 = 1_780_000_000_000_000;

    fn plan() -> PoolPlan {
        PoolPlan {
            run: RunId::new(0xabc),
            batch: 50,
            events: 200,
            seed: 3,
            projects: 5,
            ids: false,
            event_bytes: 0,
            end_us: END_US,
            spread_us: 600_000_000,
        }
    }

    fn body(plan: &PoolPlan, producer: u16, batch: u64) -> Vec<u8> {
        let mut out = BytesMut::new();
        Pool::build(plan).unwrap().fill(producer, batch, &mut out);
        out.to_vec()
    }

    fn events(body: &[u8]) -> Vec<Value> {
        body.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn every_event_is_a_good_one_with_a_marker_of_its_own() {
        let body = body(&plan(), 9, 1_000_000);
        let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(&body, END_US);
        assert_eq!((decoded.batch.num_rows(), decoded.refused), (50, 0));
        for (index, event) in events(&body).iter().enumerate() {
            assert_eq!(event["load"], format!("00000abc-0009-0001000000-{index:06}"));
            assert!(event.get("id").is_none());
        }
    }

    #[test]
    fn times_lie_in_the_spread_and_stay_in_order() {
        let times: Vec<_> = events(&body(&plan(), 0, 0)).iter().map(|event| event["timestamp"].to_string()).collect();
        assert!(times.is_sorted());
        let first = parse_timestamp(times[0].trim_matches('"')).unwrap();
        assert!((END_US - 600_000_000 - 1_000..=END_US).contains(&first), "{}", times[0]);
    }

    #[test]
    fn ids_are_the_markers() {
        let plan = PoolPlan { ids: true, ..plan() };
        for event in events(&body(&plan, 1, 2)) {
            assert_eq!(event["id"], event["load"]);
            assert_eq!(event["load"].as_str().unwrap().get(..24), Some("00000abc-0001-0000000002"));
        }
    }

    #[test]
    fn payloads_are_padded_to_the_bytes_asked_for() {
        for event_bytes in [5_000, 1_000_000] {
            let plan = PoolPlan { event_bytes, batch: 2, ..plan() };
            for line in body(&plan, 0, 0).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                assert_eq!(line.len() as u64, event_bytes);
                let event: Value = serde_json::from_slice(line).unwrap();
                assert!(event["payload"]["padding"].is_string());
            }
        }
    }

    #[test]
    fn the_same_plan_gives_the_same_bytes() {
        assert_eq!(body(&plan(), 3, 4), body(&plan(), 3, 4));
        assert_ne!(body(&plan(), 3, 4), body(&PoolPlan { seed: 4, ..plan() }, 3, 4));
    }

    #[test]
    fn a_pool_is_bounded_by_bytes() {
        assert_eq!(PoolPlan { batch: 1, events: POOL_EVENTS, ..plan() }.templates(), POOL_EVENTS);
        assert_eq!(PoolPlan { batch: 1, events: POOL_EVENTS, event_bytes: 1 << 20, ..plan() }.templates(), 64);
        assert_eq!(PoolPlan { batch: 60, event_bytes: 1 << 20, ..plan() }.templates(), 1);
        assert!(Pool::build(&PoolPlan { batch: 65, event_bytes: 1 << 20, ..plan() }).is_err());
    }
}
