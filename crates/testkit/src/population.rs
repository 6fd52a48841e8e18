//! [`Population`]: the projects, users and workflows of a workload, all derived from its seed, none of them stored but
//! the projects.

use crate::chance::{Chance, mix, mix_wide};
use crate::json_text::JsonText;
use crate::settings::GeneratorSettings;
use crate::vocabulary::{FIRST_NAMES, INTEGRATIONS, LAST_NAMES};

/// Zipf weights are integers out of this, so that rounding is the same everywhere.
const WEIGHT_OF_FIRST: u64 = 1_000_000_000;

/// Who there is.
#[derive(Debug)]
pub(crate) struct Population {
    seed: u64,
    projects: Vec<Project>,
    /// Upper bound of each project's share of the weight.
    shares: Vec<u64>,
}

/// A tenant's project.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) id: u128,
    /// Choices that the project made once and keeps: how it writes user ids, whether it adds members of its own.
    pub(crate) habits: u64,
    users: u32,
    workflows: u32,
}

/// An end user of a project.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) traits: u64,
    pub(crate) persona: u128,
}

impl Population {
    pub(crate) fn new(settings: &GeneratorSettings) -> Self {
        let count = u64::from(settings.projects.max(1));
        let weights = (1..=count).map(|rank| WEIGHT_OF_FIRST / rank);
        let total: u64 = weights.clone().sum();
        let part = |whole: u32, weight: u64| (u128::from(whole) * u128::from(weight) / u128::from(total)).max(1) as u32;
        let projects = weights
            .clone()
            .zip(0_u64..)
            .map(|(weight, index)| Project {
                id: mix_wide(&[settings.seed, 1, index]),
                habits: mix(&[settings.seed, 2, index]),
                users: part(settings.users, weight),
                workflows: part(settings.workflows, weight),
            })
            .collect();
        let shares = weights
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        Self { seed: settings.seed, projects, shares }
    }

    /// A project by its share of the traffic.
    pub(crate) fn draw_project(&self, chance: &mut Chance) -> u32 {
        let total = self.shares.last().copied().unwrap_or(1);
        let point = ((u128::from(chance.bits()) * u128::from(total)) >> 64) as u64;
        self.shares.partition_point(|&bound| bound <= point) as u32
    }

    pub(crate) fn project(&self, index: u32) -> &Project {
        &self.projects[index as usize]
    }

    /// A user of the project; some are several times as active as others.
    pub(crate) fn draw_user(&self, project: u32, chance: &mut Chance) -> User {
        let users = self.project(project).users;
        let index = skewed(users, chance);
        let key = [self.seed, 3, u64::from(project), index];
        User { traits: mix(&key), persona: mix_wide(&key) }
    }

    /// A workflow of the project.
    pub(crate) fn draw_workflow(&self, project: u32, chance: &mut Chance) -> u128 {
        mix_wide(&[self.seed, 4, u64::from(project), skewed(self.project(project).workflows, chance)])
    }

    /// One of the one to four integrations that the user has connected.
    pub(crate) fn draw_integration(&self, user: &User, chance: &mut Chance) -> u32 {
        let connected = 1 + (user.traits >> 8) % 4;
        let nth = u64::from(chance.below(connected as u32));
        let place = mix(&[user.traits, nth]) % (INTEGRATIONS.len() * INTEGRATIONS.len()) as u64;
        // The smaller of two draws: the first integrations are the popular ones.
        let (a, b) = (place % INTEGRATIONS.len() as u64, place / INTEGRATIONS.len() as u64);
        a.min(b) as u32
    }

    /// The user's credential for an integration.
    pub(crate) fn credential(&self, user: &User, integration: u32) -> u128 {
        mix_wide(&[user.traits, 5, u64::from(integration)])
    }

    /// The project's configuration of an integration.
    pub(crate) fn credential_config(&self, project: u32, integration: u32) -> u128 {
        mix_wide(&[self.seed, 6, u64::from(project), u64::from(integration)])
    }

    /// The project's webhook of an integration.
    pub(crate) fn webhook(&self, project: u32, integration: u32) -> u128 {
        mix_wide(&[self.seed, 7, u64::from(project), u64::from(integration)])
    }

    /// The project's sync of one collection of one user.
    pub(crate) fn sync(&self, user: &User, integration: u32, collection: u32) -> u128 {
        mix_wide(&[user.traits, 8, u64::from(integration), u64::from(collection)])
    }
}

/// An index below `count`, the low ones likelier.
fn skewed(count: u32, chance: &mut Chance) -> u64 {
    let (a, b) = (chance.below(count), chance.below(count));
    u64::from(a.min(b))
}

impl User {
    /// The user's id in the manner of the project: e-mail, prefixed, number, UUID or ULID.
    pub(crate) fn write_id(&self, project: &Project, json: &mut JsonText<'_>) {
        let traits = self.traits;
        match project.habits % 5 {
            0 => {
                let first = FIRST_NAMES[(traits >> 16) as usize % FIRST_NAMES.len()];
                let last = LAST_NAMES[(traits >> 32) as usize % LAST_NAMES.len()];
                json.lower(first).raw(".").lower(last).number(traits >> 50 & 0xfff).raw("@").hex(project.id >> 100, 5);
                json.raw(".example")
            }
            1 => json.raw("user_").letters(self.persona, 20),
            2 => json.number(100_000 + traits % 9_900_000),
            3 => json.uuid(self.persona ^ u128::MAX),
            _ => json.raw("usr_").ulid(1_600_000_000_000_000 + (traits >> 14) as i64, self.persona),
        };
    }
}
