//! [`Script`]: the steps of one trace and the pauses between them. Deciding only: nothing is written here.

use crate::chance::Chance;
use crate::step::Step::{self, *};

/// Most steps in a trace.
pub(crate) const STEPS_MAX: usize = 12;

/// How many events a trace has on average; the pace of the generator is set by it, and its test holds it true.
pub(crate) const STEPS_MEAN: f64 = 6.1;

/// What kind of execution a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    AppEvent,
    Request,
    Enabled,
    Scheduler,
    Webhook,
    Action,
    Sync,
    Credential,
    Resource,
    ConnectedUser,
    Destination,
}

/// Stories by how many of a hundred traces they are.
const STORIES: [(Story, u32); 11] = [
    (Story::Action, 21),
    (Story::Sync, 19),
    (Story::AppEvent, 16),
    (Story::Webhook, 12),
    (Story::Scheduler, 10),
    (Story::Request, 9),
    (Story::Credential, 5),
    (Story::Resource, 3),
    (Story::ConnectedUser, 2),
    (Story::Destination, 2),
    (Story::Enabled, 1),
];

/// The steps of a trace, each with the milliseconds that pass before it. At most [`STEPS_MAX`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    steps: [(Step, u32); STEPS_MAX],
    len: u8,
}

impl Story {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let mut point = chance.below(100);
        for (story, share) in STORIES {
            if point < share {
                return story;
            }
            point -= share;
        }
        Self::Action
    }

    /// Whether the trace belongs to a workflow.
    pub(crate) fn has_workflow(self) -> bool {
        matches!(self, Self::AppEvent | Self::Request | Self::Enabled | Self::Scheduler | Self::Webhook)
    }
}

impl Script {
    /// The steps of a trace of this story.
    pub(crate) fn draw(story: Story, chance: &mut Chance) -> Self {
        let mut script = Self { steps: [(Step::WorkflowStarted, 0); STEPS_MAX], len: 0 };
        let fails = chance.happens(100);
        let stumbles = chance.happens(250);
        match story {
            Story::AppEvent => script.app_event(fails, stumbles, chance),
            Story::Request => script.request(fails, stumbles, chance),
            Story::Enabled => script.enabled(fails, stumbles, chance),
            Story::Scheduler => script.scheduler(fails, stumbles, chance),
            Story::Webhook => script.webhook(fails, stumbles, chance),
            Story::Action => script.action(fails, stumbles, chance),
            Story::Sync => script.sync(fails, stumbles, chance),
            Story::Credential => script.credential(fails, stumbles, chance),
            Story::Resource => script.resource(fails, stumbles, chance),
            Story::ConnectedUser => script.connected_user(chance),
            Story::Destination => script.destination(fails, stumbles, chance),
        }
        script
    }

    pub(crate) fn steps(&self) -> &[(Step, u32)] {
        &self.steps[..usize::from(self.len)]
    }

    /// Adds a step after a pause of about `pause_ms`.
    fn then(&mut self, step: Step, pause_ms: u32, chance: &mut Chance) {
        if usize::from(self.len) < STEPS_MAX {
            self.steps[usize::from(self.len)] = (step, chance.between(pause_ms / 2, pause_ms * 2));
            self.len += 1;
        }
    }

    /// Requests to the integration's API, the last one failing where the trace fails.
    fn requests(&mut self, count: u32, fails: bool, stumbles: bool, chance: &mut Chance) {
        for nth in 1..=count {
            if stumbles && nth == 1 {
                self.then(ApiRequestRetried, 350, chance);
            }
            self.then(if fails && nth == count { ApiRequestFailed } else { ApiRequest }, 240, chance);
        }
    }

    /// A workflow's execution.
    fn workflow(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(WorkflowStarted, 60, chance);
        let tasks = chance.between(1, 2);
        for nth in 1..=tasks {
            let fails = fails && nth == tasks;
            if chance.happens(400) {
                self.then(TaskStarted, 12, chance);
            }
            self.requests(1, fails, stumbles && nth == 1, chance);
            self.then(if fails { TaskFailed } else { TaskCompleted }, 25, chance);
        }
        self.then(if fails { WorkflowFailed } else { WorkflowCompleted }, 15, chance);
    }

    fn app_event(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        match (fails, chance.below(10)) {
            (false, 0) => {
                self.then(ResourceReceived, 0, chance);
                self.then(AppEventStarted, 8, chance);
                self.then(if stumbles { AppEventUnconfigured } else { AppEventUnsubscribed }, 10, chance);
            }
            (true, 0..=2) => {
                self.then(AppEventStarted, 0, chance);
                self.then(AppEventSubmitting, 30, chance);
                self.then(AppEventSubmissionFailed, 900, chance);
            }
            (true, 3..=4) => {
                self.then(ResourceReceived, 0, chance);
                self.then(AppEventStarted, 8, chance);
                self.then(AppEventPreparationFailed, 40, chance);
            }
            _ => {
                self.then(AppEventStarted, 0, chance);
                self.then(AppEventSubmitting, 30, chance);
                self.then(AppEventSubmitted, 45, chance);
                self.workflow(fails, stumbles, chance);
            }
        }
    }

    fn request(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(RequestStarted, 0, chance);
        self.then(RequestSubmitted, 20, chance);
        if fails && chance.happens(500) {
            self.then(RequestFailed, 700, chance);
            return;
        }
        self.workflow(fails, false, chance);
        if stumbles {
            self.then(RequestTimedOut, 30_000, chance);
        }
    }

    fn enabled(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(UserConnected, 0, chance);
        self.then(EnabledStarted, 90, chance);
        if fails {
            self.then(EnabledFailed, 200, chance);
            return;
        }
        self.then(EnabledSubmitted, 30, chance);
        self.workflow(false, stumbles, chance);
    }

    fn scheduler(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(SchedulerSubmitting, 0, chance);
        if fails && chance.happens(400) {
            self.then(SchedulerFailed, 1_500, chance);
            self.then(SchedulerSubmitting, 5_000, chance);
            self.workflow(false, false, chance);
            return;
        }
        self.workflow(fails, stumbles, chance);
    }

    fn webhook(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(WebhookReceived, 0, chance);
        let (processing, submitting, failed) = match chance.below(10) {
            0..=5 => (WebhookUser, WebhookRecordsSubmitting, WebhookUserFailed),
            6..=7 => (WebhookApp, WebhookAppSubmitting, WebhookAppFailed),
            _ => (WebhookResource, WebhookResourceSubmitting, WebhookResourceFailed),
        };
        for _ in 0..chance.between(1, 2) {
            self.then(processing, 15, chance);
        }
        if fails && chance.happens(600) {
            self.then(failed, 60, chance);
            return;
        }
        self.then(submitting, 20, chance);
        self.workflow(fails, stumbles, chance);
    }

    fn action(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(ActionStarted, 0, chance);
        let requests = chance.between(1, 3);
        self.requests(requests, fails, stumbles, chance);
        self.then(if fails { ActionFailed } else { ActionCompleted }, 20, chance);
    }

    fn sync(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        let (started, completed, pages_max) = match chance.below(20) {
            0 => (InitialSyncStarted, InitialSyncCompleted, 8),
            1..=3 => (FullSyncStarted, FullSyncCompleted, 6),
            _ => (IncrementalSyncStarted, IncrementalSyncCompleted, 3),
        };
        if fails && chance.happens(100) {
            self.then(ResourceReceived, 0, chance);
            self.then(if chance.happens(500) { SyncPipelineInvalid } else { SyncDuplicate }, 20, chance);
            self.then(ResourceFailed, 5, chance);
            return;
        }
        self.then(started, 0, chance);
        for _ in 0..chance.between(1, pages_max) {
            self.then(ApiRequest, 4_000, chance);
        }
        if stumbles {
            let stumble = match chance.below(10) {
                0..=5 => SyncRateLimited,
                6..=7 => SyncTimedOut,
                _ => SyncWarned,
            };
            self.then(stumble, 2_500, chance);
            self.then(ApiRequest, 45_000, chance);
        }
        if !fails {
            self.then(completed, 1_200, chance);
            return;
        }
        match chance.below(10) {
            0..=2 => {
                self.then(ApiRequestFailed, 300, chance);
                self.then(SyncAuthenticationFailed, 30, chance);
            }
            3..=6 => {
                self.then(ApiRequestFailed, 300, chance);
                self.then(SyncFailed, 30, chance);
            }
            _ => {
                self.then(completed, 1_200, chance);
                self.then(SyncWebhookUndelivered, 9_000, chance);
            }
        }
        if started == FullSyncStarted {
            self.then(FullSyncInterrupted, 15, chance);
        }
    }

    fn credential(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(CredentialAttempted, 0, chance);
        self.requests(1, fails, stumbles, chance);
        self.then(if fails { CredentialFailed } else { CredentialRefreshed }, 20, chance);
    }

    fn resource(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(ResourceReceived, 0, chance);
        let requests = chance.between(1, 2);
        self.requests(requests, fails, stumbles, chance);
        self.then(if fails { ResourceFailed } else { ResourceCompleted }, 15, chance);
    }

    fn connected_user(&mut self, chance: &mut Chance) {
        let leaves = chance.happens(250);
        self.then(ResourceReceived, 0, chance);
        self.then(if leaves { UserDisconnected } else { UserConnected }, 400, chance);
        self.then(UserUpdated, 2_000, chance);
        if !leaves {
            self.then(ApiRequest, 300, chance);
            self.then(InitialSyncStarted, 900, chance);
        }
    }

    fn destination(&mut self, fails: bool, stumbles: bool, chance: &mut Chance) {
        self.then(DeliveryStarted, 0, chance);
        if stumbles || fails {
            self.then(DeliveryRetried, 2_000, chance);
        }
        self.then(ApiRequest, 300, chance);
        self.then(if fails { DeliveryFailed } else { DeliveryCompleted }, 200, chance);
    }
}
