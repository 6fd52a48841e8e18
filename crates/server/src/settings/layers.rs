//! [`Layers`]: what file, environment and command line say, gathered as text; [`resolve`] settles it.
//!
//! A flag wins over the environment, that over the file, that over the default. Every text of every layer is checked, also
//! one that a higher layer covers: it would break the day that layer goes.

use std::ffi::OsString;

use super::file;
use super::resolved::{Effective, Resolved};
use super::setting::{SETTINGS, Setting, Shape};
use super::value::format_size;
use super::{MEMORY_BYTES_MIN, MemoryLimit, ServeSettings};
use crate::error::{Error, Result};
use crate::memory::MemoryPlan;

/// What a machine is taken to have when it does not tell: a small server.
const MACHINE_BYTES_ASSUMED: u64 = 4 << 30;

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A settings file, by the name it was given, and the line, the first being 1.
    File {
        /// Name of the file.
        name: String,
        /// Line of the key.
        line: usize,
    },
    /// The environment variable of the setting.
    Env,
    /// The flag of the setting.
    Flag,
}

impl Source {
    /// Who wins: the higher one.
    fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Env => 2,
            Self::Flag => 3,
        }
    }

    /// How a problem with `setting` is introduced.
    fn place(&self, setting: &Setting) -> String {
        match self {
            Self::Default => setting.key.to_owned(),
            Self::File { name, line } => format!("{name} line {line}: {}", setting.key),
            Self::Env => setting.env(),
            Self::Flag => format!("--{}", setting.flag()),
        }
    }
}

/// Texts of settings with their sources, and what was found wrong with them on the way, in the order they were added.
#[derive(Debug, Default)]
pub struct Layers {
    good: Vec<Given>,
    /// Settings with a text that is not in `good`.
    bad: Vec<&'static str>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Given {
    setting: &'static Setting,
    text: String,
    source: Source,
}

impl Layers {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the text of a settings file; `name` is how problems call it.
    pub fn file(&mut self, name: &str, text: &str) {
        for entry in file::entries(text) {
            let source = Source::File { name: name.to_owned(), line: entry.line };
            match entry.found {
                Ok((setting, text)) => self.add(setting, text, source),
                Err(wrong) => match wrong.setting {
                    Some(setting) => self.refuse(setting, &source, &wrong.text),
                    None => self.problems.push(format!("{name} line {}: {}", entry.line, wrong.text)),
                },
            }
        }
    }

    /// Adds what the environment says; `variable` answers the value of a variable.
    pub fn env(&mut self, variable: impl Fn(&str) -> Option<OsString>) {
        for setting in SETTINGS {
            match variable(&setting.env()).map(OsString::into_string) {
                Some(Ok(text)) => self.add(setting, text, Source::Env),
                Some(Err(_)) => self.refuse(setting, &Source::Env, "the value is not UTF-8"),
                None => {}
            }
        }
    }

    /// Adds a flag of the command line. The values of a repeated flag are joined with commas.
    pub fn flag(&mut self, setting: &'static Setting, text: String) {
        self.add(setting, text, Source::Flag);
    }

    /// Adds a problem found outside, such as a settings file that cannot be read.
    pub fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    /// Checks a text by itself, apart from the other settings.
    fn add(&mut self, setting: &'static Setting, text: String, source: Source) {
        // An empty variable is mostly another one that was not set. Taken for "not given", an empty ANNALS_TOKEN_FILE
        // would open a server that was meant to be closed.
        if text.trim().is_empty() && setting.shape != Shape::List {
            return self.refuse(setting, &source, "the value is empty: give one or leave the setting out");
        }
        let mut alone = ServeSettings::default();
        if let Err(problem) = (setting.set)(&mut alone, &text) {
            return self.refuse(setting, &source, &problem);
        }
        let problems = alone.problems();
        match problems.iter().find(|problem| problem.key == setting.key && problem.other.is_none()) {
            Some(problem) => self.refuse(setting, &source, &problem.text),
            None => self.good.push(Given { setting, text, source }),
        }
    }

    fn refuse(&mut self, setting: &'static Setting, source: &Source, problem: &str) {
        self.problems.push(format!("{}: {problem}", source.place(setting)));
        self.bad.push(setting.key);
    }
}

/// Settles the layers, for a machine with `machine_bytes` of memory (see
/// [`machine_memory_bytes`](crate::machine_memory_bytes)); `None` where that is unknown.
///
/// # Errors
/// `Invalid`, naming every problem of every layer with its source.
pub fn resolve(layers: Layers, machine_bytes: Option<u64>) -> Result<Resolved> {
    let Layers { mut good, bad, mut problems } = layers;
    good.sort_by_key(|given| given.source.rank());
    let mut settings = ServeSettings::default();
    let mut sources = vec![Source::Default; SETTINGS.len()];
    for (setting, source) in SETTINGS.iter().zip(&mut sources) {
        if let Some(given) = good.iter().rfind(|given| given.setting.key == setting.key) {
            (setting.set)(&mut settings, &given.text).expect("a text is checked before it counts as good");
            *source = given.source.clone();
        }
    }
    let effective: Vec<_> = SETTINGS
        .iter()
        .zip(sources)
        .map(|(setting, source)| Effective { setting, text: setting.text(&settings), source })
        .collect();

    // What settings break together. One that is refused already says nothing about the others.
    let place = |key: &str| {
        let found = effective.iter().find(|effective| effective.setting.key == key);
        found.map_or_else(|| key.to_owned(), |effective| effective.source.place(effective.setting))
    };
    let is_bad = |key: &str| bad.contains(&key);
    for problem in settings.problems() {
        if !is_bad(problem.key) && !problem.other.is_some_and(is_bad) {
            problems.push(format!("{}: {}", place(problem.key), problem.text));
        }
    }
    let memory_bytes = settings.memory.bytes_of(machine_bytes.unwrap_or(MACHINE_BYTES_ASSUMED));
    if let MemoryLimit::Share(percent) = settings.memory
        && memory_bytes < MEMORY_BYTES_MIN
        && !is_bad("memory")
    {
        let machine = format_size(machine_bytes.unwrap_or(MACHINE_BYTES_ASSUMED) & !0xfffff);
        problems.push(format!(
            "{}: {percent}% of this machine's {machine} is too little: at least {}, as a share or a size",
            place("memory"),
            format_size(MEMORY_BYTES_MIN),
        ));
    }
    if !problems.is_empty() {
        return Err(Error::invalid(format!("settings: {}", problems.join("; "))));
    }
    let memory = MemoryPlan::new(memory_bytes, settings.known_ids_max as u64);
    Ok(Resolved { settings, effective, machine_bytes, memory })
}
