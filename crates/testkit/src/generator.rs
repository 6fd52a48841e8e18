//! [`Generator`]: starts traces at a daily rhythm and writes their steps in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use annals_event::DAY_US;

use crate::chance::Chance;
use crate::event_line::write_event;
use crate::population::Population;
use crate::script::STEPS_MEAN;
use crate::settings::GeneratorSettings;
use crate::trace::Trace;

/// Traffic of each hour of the day (UTC), in percent of the mean.
const HOUR_PERCENT: [u8; 24] =
    [62, 55, 50, 48, 50, 58, 72, 92, 115, 132, 138, 134, 126, 132, 142, 148, 144, 134, 120, 106, 96, 88, 82, 76];

/// A stream of events in time order. Memory: the traces under way, a few hundred bytes each.
#[derive(Debug)]
pub struct Generator {
    settings: GeneratorSettings,
    population: Population,
    chance: Chance,
    /// When the next trace starts.
    start_us: i64,
    /// Traces under way, and the places of those that ended.
    traces: Vec<Trace>,
    vacant: Vec<usize>,
    /// (due, place in `traces`), earliest first.
    due: BinaryHeap<Reverse<(i64, usize)>>,
    /// Events that no trace has been started for.
    unplanned: u64,
}

impl Generator {
    /// A generator at its first event.
    pub fn new(settings: GeneratorSettings) -> Self {
        Self {
            population: Population::new(&settings),
            chance: Chance::new(settings.seed),
            start_us: settings.start_us(),
            traces: Vec::new(),
            vacant: Vec::new(),
            due: BinaryHeap::new(),
            unplanned: settings.events,
            settings,
        }
    }

    /// Appends up to `count` further events to `out`, one JSON object and a newline each, and returns how many; 0 when
    /// all are written. Timestamps never decrease. The bytes do not depend on how the events are shared out over calls.
    pub fn write_ndjson(&mut self, out: &mut Vec<u8>, count: usize) -> usize {
        for written in 0..count {
            while self.unplanned > 0 && self.due.peek().is_none_or(|Reverse((due_us, _))| self.start_us <= *due_us) {
                self.start_trace();
            }
            let Some(Reverse((due_us, place))) = self.due.pop() else { return written };
            let trace = &mut self.traces[place];
            let (step, nth) = trace.advance(self.settings.end_us);
            write_event(out, &self.population, trace, step, nth, due_us);
            if trace.is_over() {
                self.vacant.push(place);
            } else {
                self.due.push(Reverse((trace.due_us, place)));
            }
        }
        count
    }

    fn start_trace(&mut self) {
        let trace = Trace::draw(&self.population, self.start_us, self.unplanned, &mut self.chance);
        self.unplanned -= trace.len();
        let due_us = trace.due_us;
        let place = match self.vacant.pop() {
            Some(place) => {
                self.traces[place] = trace;
                place
            }
            None => {
                self.traces.push(trace);
                self.traces.len() - 1
            }
        };
        self.due.push(Reverse((due_us, place)));
        self.start_us = self.next_start_us();
    }

    /// The time left is shared out over the traces left, more of them in busy hours; one in five follows at once, as
    /// the traces of one cause do.
    fn next_start_us(&mut self) -> i64 {
        let left_us = (self.settings.end_us - self.start_us).max(0) as f64;
        let traces_left = (self.unplanned as f64 / STEPS_MEAN).max(1.0);
        let busy = f64::from(HOUR_PERCENT[(self.start_us.rem_euclid(DAY_US) / (DAY_US / 24)) as usize]) / 100.0;
        // The sum of two uniform numbers has mean 1 and, unlike a logarithm, the same bits on every platform.
        let spread = self.chance.unit() + self.chance.unit();
        let gap_us = if self.chance.happens(200) { 0.0 } else { left_us / traces_left / busy * spread / 0.8 };
        (self.start_us + gap_us as i64).min(self.settings.end_us)
    }
}
