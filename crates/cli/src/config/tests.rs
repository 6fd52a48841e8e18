use annals_server::settings::{SETTINGS, Setting};
use clap::{CommandFactory, Parser};

use super::flags::COMMON;
use super::*;
use crate::command::{Cli, Command};
use crate::paint::ColorChoice;

const MACHINE: Option<u64> = Some(16 << 30);

fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
    let cli = Cli::try_parse_from(["annals", "config"].iter().chain(arguments))?;
    match cli.command {
        Command::Config(config) => Ok(config),
        other => panic!("{other:?} is another command"),
    }
}

fn flags(arguments: &[&str]) -> Vec<(&'static str, String)> {
    parse(arguments).unwrap().serve.flags.into_iter().map(|(setting, text)| (setting.key, text)).collect()
}

/// A folder with a settings file, and the layers of a command line in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(file: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(dir.path().join(DEFAULT_FILE), text).unwrap();
        }
        Self { dir }
    }

    fn resolve(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Resolved, annals_server::Error> {
        let serve = parse(arguments).unwrap().serve;
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        resolve(gather(&serve, variable, &self.dir.path().join(DEFAULT_FILE)), MACHINE)
    }

    fn refused(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        self.resolve(arguments, variables).unwrap_err().to_string()
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_setting_has_its_flag() {
    for setting in SETTINGS {
        let (flag, value) = (format!("--{}", setting.flag()), setting.default_text().unwrap_or_else(|| "x".into()));
        let value = if value.is_empty() { "x".to_owned() } else { value };
        assert_eq!(flags(&[&format!("{flag}={value}")]), [(setting.key, value)]);
    }
}

#[test]
fn the_flags_of_every_command_agree_with_the_table() {
    let command = Cli::command();
    for key in COMMON {
        let (arg, setting) =
            (command.get_arguments().find(|arg| arg.get_id() == key).unwrap(), Setting::of(key).unwrap());
        assert_eq!(arg.get_long(), Some(setting.flag().as_str()));
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(setting.env().as_str()));
        let default = arg.get_default_values().first().and_then(|value| value.to_str());
        assert_eq!(default, setting.default_text().as_deref());
    }
}

#[test]
fn flags_that_are_not_typed_are_not_given() {
    assert!(parse(&["--format", "json"]).unwrap().serve.flags.is_empty());
    assert_eq!(flags(&["--store", "./annals-data"]), [("store", "./annals-data".to_owned())], "the default, typed");
    let cli = Cli::try_parse_from(["annals", "--wal", "w", "config"]).unwrap();
    assert!(matches!(cli.command, Command::Config(config) if config.serve.flags[0].1 == "w"), "before the command too");
}

#[test]
fn switches_lists_and_repetitions() {
    let text = |text: &str| text.to_owned();
    assert_eq!(flags(&["--otlp"]), [("otlp", text("true"))]);
    assert_eq!(flags(&["--otlp=false"]), [("otlp", text("false"))]);
    assert_eq!(flags(&["--allow-host", "a", "--allow-host", "b,c"]), [("allow_host", text("a,b,c"))]);
    assert!(parse(&["--keep", "1d", "--keep", "2d"]).is_err());
    assert!(parse(&["--otlp", "maybe"]).is_err(), "no stray words");
}

#[test]
fn help_tells_variable_and_default() {
    let help = parse(&["--help"]).unwrap_err().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("[env: ANNALS_REQUEST_BYTES_MAX] [default: 64MiB]"), "{help}");
    assert!(help.contains("annals config --format toml > full.toml"), "{help}");
}

#[test]
fn a_file_in_the_working_directory_is_read_and_one_that_is_named_instead_of_it() {
    let place = Place::new(Some("queries_max = 2"));
    assert_eq!(place.resolve(&[], &[]).unwrap().settings.queries_max, 2);
    let (other, third) = (place.dir.path().join("other.toml"), place.dir.path().join("third.toml"));
    std::fs::write(&other, "shutdown_s = 7").unwrap();
    std::fs::write(&third, "shutdown_s = 8").unwrap();
    let (other, third) = (other.to_str().unwrap(), third.to_str().unwrap());
    let settings = place.resolve(&["--config", other], &[(FILE_VARIABLE, third)]).unwrap().settings;
    assert_eq!((settings.queries_max, settings.shutdown_s), (16, 7));
    assert_eq!(place.resolve(&[], &[(FILE_VARIABLE, third)]).unwrap().settings.shutdown_s, 8);
    assert_eq!(Place::new(None).resolve(&[], &[]).unwrap().settings.queries_max, 16);
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem_among_the_others() {
    let place = Place::new(None);
    let missing = place.dir.path().join("missing.toml");
    let message = place.refused(&["--config", missing.to_str().unwrap(), "--http", "foo"], &[("ANNALS_KEEP", "1h")]);
    for part in ["--config: cannot read ", "missing.toml", "ANNALS_KEEP: ", "--http: "] {
        assert!(message.contains(part), "{message}");
    }
    assert!(place.refused(&[], &[(FILE_VARIABLE, "")]).contains("ANNALS_CONFIG: the value is empty"));
    std::fs::create_dir(place.dir.path().join(DEFAULT_FILE)).unwrap();
    assert!(place.refused(&[], &[]).contains("cannot read "));
    let latin = place.dir.path().join("latin.toml");
    std::fs::write(&latin, b"store = \"b\xfccher\"").unwrap();
    assert!(place.refused(&["--config", latin.to_str().unwrap()], &[]).contains("UTF-8"));
}

#[test]
fn the_listing_shows_key_value_source_and_plan() {
    let resolved = Place::new(None).resolve(&["--keep", "30d", "--memory=256MiB"], &[("ANNALS_OTLP", "1")]).unwrap();
    let mut lines = Vec::new();
    write_lines(&resolved, &mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    for line in [
        "keep\t30d\tflag --keep",
        "otlp\ttrue\tenv ANNALS_OTLP",
        "wal\t\tdefault",
        "memory_plan.total\t268435456\tall that the server plans with",
    ] {
        assert!(lines.lines().any(|shown| shown == line), "{line}\n{lines}");
    }
    let mut table = Vec::new();
    write_table(&resolved, Paint::for_stdout(ColorChoice::Never), &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    for part in ["Keeping\n", "flag --keep", "256.0 MiB", "on a machine with 16.0 GiB", "Bodies above 15.6 MiB"] {
        assert!(table.contains(part), "{part}\n{table}");
    }
}
