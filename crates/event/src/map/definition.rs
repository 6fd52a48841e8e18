//! [`Definition`]: a map as read from TOML, checked.

use serde::Deserialize;

use super::Source;
use super::path::{Condition, Path};
use crate::error::{Error, Result};
use crate::level::Level;

/// A map as read from TOML.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// Rules of lines that are no events; one that holds is enough.
    pub(super) skip: Vec<Vec<Condition>>,
    /// Where a line may hold an array of records.
    pub(super) unroll: Option<Path>,
    /// Fields by wire name, in the order of the file.
    pub(super) fields: Vec<(String, Source)>,
    /// The first that holds gives the level.
    pub(super) levels: Vec<LevelRule>,
    pub(super) payload: Payload,
}

/// What of the record becomes the payload.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Payload {
    /// All of it.
    #[default]
    Record,
    /// All but the members that became a field whole and unchanged.
    Rest,
}

#[derive(Clone, Debug)]
pub(super) struct LevelRule {
    pub(super) when: Vec<Condition>,
    pub(super) level: RuleLevel,
}

#[derive(Clone, Debug)]
pub(super) enum RuleLevel {
    Is(Level),
    /// The value there, when it spells a level.
    From(Path),
}

/// The TOML of a map, before its checks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    unroll: Option<Path>,
    #[serde(default)]
    payload: Payload,
    #[serde(default)]
    skip: Vec<Skip>,
    fields: toml::Table,
    #[serde(default)]
    level: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    when: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    when: Vec<Condition>,
    level: Option<String>,
    from: Option<Path>,
}

impl Definition {
    pub(super) fn from_toml(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| Error::invalid(format!("not a map: {error}")))?;
        let mut fields = Vec::with_capacity(file.fields.len());
        for (name, value) in &file.fields {
            match name.as_str() {
                "payload" => {
                    return Err(Error::invalid("the payload is the record: set payload = \"record\" or \"rest\""));
                }
                "level" => return Err(Error::invalid("the level comes from [[level]] rules, not from [fields]")),
                _ => fields.push((name.clone(), Source::from_toml(name, value)?)),
            }
        }
        let levels = file.level.into_iter().map(Rule::check).collect::<Result<_>>()?;
        Ok(Self {
            skip: file.skip.into_iter().map(|skip| skip.when).collect(),
            unroll: file.unroll,
            fields,
            levels,
            payload: file.payload,
        })
    }
}

impl Rule {
    fn check(self) -> Result<LevelRule> {
        let level = match (self.level, self.from) {
            (Some(level), None) => RuleLevel::Is(level.parse()?),
            (None, Some(path)) => RuleLevel::From(path),
            _ => return Err(Error::invalid("a [[level]] rule needs one of level = \"…\" and from = \"path\"")),
        };
        Ok(LevelRule { when: self.when, level })
    }
}
