//! [`Resolved`]: the settings in effect, each with where it comes from, and their listings for machines.

use std::fmt;
use std::fmt::Write;

use serde_json::{Value, json};

use super::ServeSettings;
use super::layers::Source;
use super::setting::{Setting, Shape};
use crate::memory::MemoryPlan;

/// What the layers come to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The settings; they are valid.
    pub settings: ServeSettings,
    /// Every setting once, in the order of [`SETTINGS`](super::SETTINGS).
    pub effective: Vec<Effective>,
    /// Memory of the machine, or of the container, in bytes; `None` when it does not tell, and `memory` as a share is taken
    /// of 4 GiB.
    pub machine_bytes: Option<u64>,
    /// How `settings.memory` is divided.
    pub memory: MemoryPlan,
}

/// A setting in effect.
#[derive(Clone, Debug)]
pub struct Effective {
    /// Which one.
    pub setting: &'static Setting,
    /// Its value as text, `None` where it has none.
    pub text: Option<String>,
    /// Where the value comes from.
    pub source: Source,
}

impl Effective {
    /// Where the value comes from, for people: `flag --http`, `env ANNALS_HTTP`, `annals.toml line 3`, `default`.
    pub fn origin(&self) -> String {
        match &self.source {
            Source::Default => "default".to_owned(),
            Source::File { name, line } => format!("{name} line {line}"),
            Source::Env => format!("env {}", self.setting.env()),
            Source::Flag => format!("flag --{}", self.setting.flag()),
        }
    }
}

impl Resolved {
    /// Largest request body that is let in, bytes: `request_bytes_max`, or less where memory is tight.
    pub fn request_bytes_max(&self) -> u64 {
        self.memory.request_bytes_max(self.settings.request_bytes_max as u64)
    }

    /// `{"settings": {"http": {"value": …, "source": "default"}, …}, "memory": {"total_bytes": …, …}}`; sizes in bytes.
    pub fn to_json(&self) -> Value {
        let values = serde_json::to_value(&self.settings).expect("paths come from text, all else is plain data");
        let settings: serde_json::Map<_, _> = self
            .effective
            .iter()
            .map(|effective| {
                let key = effective.setting.key;
                (key.to_owned(), json!({"value": values[key], "source": effective.origin()}))
            })
            .collect();
        let mut memory = serde_json::to_value(self.memory).expect("a plan is plain numbers");
        memory["machine_bytes"] = self.machine_bytes.into();
        memory["request_bytes_max"] = self.request_bytes_max().into();
        json!({"settings": settings, "memory": memory})
    }

    /// A settings file that says in full what is in effect; help, sources and the memory plan are comments in it.
    pub fn to_toml(&self) -> String {
        let mut out =
            String::from("# Settings of `annals serve`. A flag wins over a variable, a variable over this file.\n");
        let mut group = "";
        for effective in &self.effective {
            let setting = effective.setting;
            if group != setting.group {
                group = setting.group;
                put(&mut out, format_args!("\n# ---- {group} ----\n"));
            }
            put(&mut out, format_args!("\n# {}\n", setting.help));
            let default = setting.default_text().filter(|text| !text.is_empty());
            let default = default.as_deref().unwrap_or("none");
            let origin = one_line(&effective.origin());
            put(&mut out, format_args!("# Variable {}, default {default}; this is from: {origin}\n", setting.env()));
            match &effective.text {
                Some(text) => put(&mut out, format_args!("{} = {}\n", setting.key, toml_value(setting.shape, text))),
                None => put(&mut out, format_args!("# {} = \"\"\n", setting.key)),
            }
        }
        put(&mut out, format_args!("\n# ---- Memory plan ----\n#\n"));
        for line in self.memory.to_string().lines() {
            put(&mut out, format_args!("# {line}\n"));
        }
        out
    }
}

/// The text of a setting as a TOML value.
fn toml_value(shape: Shape, text: &str) -> String {
    match shape {
        Shape::Number | Shape::Switch => text.to_owned(),
        Shape::Text | Shape::Size => toml_string(text),
        Shape::List => {
            let items: Vec<_> = text.split(',').filter(|item| !item.is_empty()).map(toml_string).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

/// A basic string. JSON's escapes are TOML's too, but TOML wants DEL escaped as well.
fn toml_string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// Text that cannot end a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn put(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every text");
}
