//! The flags of [`Serve`], one for every row of the table of settings, so that they can never differ from it.
//!
//! `--store`, `--wal` and `--token-file` are flags of every command and already there; whether they were typed is asked of the matches. No
//! flag reads the environment here: that is a layer of its own.

use std::path::PathBuf;

use annals_server::settings::{SETTINGS, Setting, Shape};
use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Error};

use crate::command::Serve;

/// Settings whose flags every command has, see [`Common`](crate::command::Common).
pub(super) const COMMON: [&str; 3] = ["store", "wal", "token_file"];

const AFTER_HELP: &str = "Examples:
  annals serve
  annals serve --store s3://bucket/prefix --otlp --keep 30d
  annals serve --http 0.0.0.0:6170 --token-file ./token --allow-host events.example.com
  ANNALS_MEMORY=2GiB annals serve --config /etc/annals.toml

A flag wins over its environment variable, that over the settings file, that over the default. `annals config` shows what
comes of them; `annals config --format toml` writes a settings file to start from.";

impl clap::Args for Serve {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help("Settings file [env: ANNALS_CONFIG] [default: ./annals.toml, where there is one]");
        let flags = SETTINGS.iter().filter(|setting| !COMMON.contains(&setting.key)).map(flag);
        command.arg(config).args(flags).after_help(AFTER_HELP)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let default = setting.default_text().filter(|text| !text.is_empty());
    let default = default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
    let arg = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.value_name)
        .help(format!("{} [env: {}]{default}", setting.help, setting.env()))
        .help_heading(setting.group);
    match setting.shape {
        Shape::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Shape::List => arg.action(ArgAction::Append),
        Shape::Text | Shape::Size | Shape::Number => arg,
    }
}

impl clap::FromArgMatches for Serve {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Vec::new();
        for setting in SETTINGS {
            if matches.value_source(setting.key) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values: Option<Vec<&str>> =
                matches.get_raw(setting.key).into_iter().flatten().map(|value| value.to_str()).collect();
            let Some(values) = values else {
                return Err(Error::raw(ErrorKind::InvalidUtf8, format!("--{} is not UTF-8\n", setting.flag())));
            };
            flags.push((setting, values.join(",")));
        }
        Ok(Self { config: matches.get_one::<PathBuf>("config").cloned(), flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
