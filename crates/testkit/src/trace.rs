//! [`Trace`]: one execution under way: who it is of, what it works on, and the steps still to come.

use crate::chance::Chance;
use crate::population::{Population, User};
use crate::script::{Script, Story};
use crate::step::Step;
use crate::vocabulary::{COMPANIES, FAILURES, FIRST_NAMES, INTEGRATIONS, Integration, LAST_NAMES, TASK_NAMES};

/// A trace whose next step is due at `due_us`.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    pub(crate) story: Story,
    pub(crate) project: u32,
    pub(crate) user: User,
    pub(crate) integration: u32,
    pub(crate) collection: u32,
    pub(crate) workflow: u128,
    pub(crate) started_us: i64,
    pub(crate) due_us: i64,
    /// Index into [`FAILURES`] of what goes wrong, if something does.
    pub(crate) failure: u32,
    /// Records seen by the steps so far.
    pub(crate) records: u32,
    /// Numbers of this trace's payloads, apart from all others, so that the order of traces does not change them.
    pub(crate) chance: Chance,
    script: Script,
    next: u8,
    len: u8,
}

/// A person in some firm's books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) company: &'static str,
    pub(crate) domain: &'static str,
}

impl Trace {
    /// A trace that starts at `started_us` and has at most `steps_max` steps.
    pub(crate) fn draw(population: &Population, started_us: i64, steps_max: u64, chance: &mut Chance) -> Self {
        let mut chance = Chance::new(chance.bits());
        let story = Story::draw(&mut chance);
        let project = population.draw_project(&mut chance);
        let user = population.draw_user(project, &mut chance);
        let integration = population.draw_integration(&user, &mut chance);
        let script = Script::draw(story, &mut chance);
        let is_refused_access = script
            .steps()
            .iter()
            .any(|(step, _)| matches!(step, Step::CredentialFailed | Step::SyncAuthenticationFailed));
        Self {
            id: chance.wide(),
            story,
            project,
            user,
            integration,
            collection: chance.below(3),
            workflow: population.draw_workflow(project, &mut chance),
            started_us,
            due_us: started_us,
            failure: if is_refused_access { 0 } else { chance.below(FAILURES.len() as u32) },
            records: 0,
            len: script.steps().len().min(usize::try_from(steps_max).unwrap_or(usize::MAX)) as u8,
            script,
            next: 0,
            chance,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        u64::from(self.len)
    }

    /// The step that is due, with its place among the steps; moves on to the next.
    pub(crate) fn advance(&mut self, end_us: i64) -> (Step, u8) {
        let place = self.next;
        let (step, _) = self.script.steps()[usize::from(place)];
        self.next += 1;
        if let Some(&(_, pause_ms)) = self.script.steps().get(usize::from(self.next)) {
            // Nothing happens after the end: what would is told as having happened at it.
            self.due_us = (self.due_us + i64::from(pause_ms) * 1_000 + i64::from(self.chance.below(1_000))).min(end_us);
        }
        (step, place)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.next >= self.len
    }

    pub(crate) fn integration(&self) -> &'static Integration {
        &INTEGRATIONS[self.integration as usize]
    }

    /// Name and path of the collection that the trace works on.
    pub(crate) fn collection(&self) -> (&'static str, &'static str) {
        self.integration().collections[self.collection as usize]
    }

    pub(crate) fn action(&self) -> &'static str {
        self.integration().actions[self.collection as usize]
    }

    pub(crate) fn event_name(&self) -> &'static str {
        self.integration().events[self.collection as usize % 2]
    }

    /// Name of the task that the step at `place` belongs to.
    pub(crate) fn task_name(&self, place: u8) -> &'static str {
        TASK_NAMES[((self.workflow >> 20) as usize + usize::from(place) / 4) % TASK_NAMES.len()]
    }

    /// HTTP status, code, message of what goes wrong, and whether trying again can help.
    pub(crate) fn failure(&self) -> (u32, &'static str, &'static str, bool) {
        FAILURES[self.failure as usize]
    }

    pub(crate) fn draw_person(&mut self) -> Person {
        let (company, domain) = self.chance.pick(COMPANIES);
        Person { first: self.chance.pick(FIRST_NAMES), last: self.chance.pick(LAST_NAMES), company, domain }
    }
}
