//! The settings of `annals serve` from all their layers, and `annals config`, which shows them.
//!
//! Here the settings file, the environment and the machine are read; what comes of them is decided by
//! [`annals_server::settings::resolve`].

mod flags;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use annals_server::machine_memory_bytes;
use annals_server::settings::{Layers, Resolved, resolve};
use anyhow::Result;

use crate::command::{Common, Config, ConfigFormat, Serve};
use crate::output::{clip, one_line, terminal_width};
use crate::paint::{Paint, size};

/// Read where neither `--config` nor its variable names a file.
const DEFAULT_FILE: &str = "annals.toml";
/// Names the settings file.
const FILE_VARIABLE: &str = "ANNALS_CONFIG";
/// No settings file is longer.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Widest value of the table.
const VALUE_CHARS_MAX: usize = 60;

/// Settles the settings of `annals serve` from its flags, the environment, the settings file and the defaults.
///
/// # Errors
/// One error that names every problem of every layer.
pub(crate) fn load(serve: &Serve) -> Result<Resolved> {
    let layers = gather(serve, |name| std::env::var_os(name), Path::new(DEFAULT_FILE));
    Ok(resolve(layers, machine_memory_bytes())?)
}

pub(crate) fn run(common: &Common, command: &Config) -> Result<()> {
    let resolved = load(&command.serve)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match command.format {
        ConfigFormat::Table if terminal_width().is_some() => {
            write_table(&resolved, Paint::for_stdout(common.color), &mut out)?;
        }
        ConfigFormat::Table => write_lines(&resolved, &mut out)?,
        ConfigFormat::Toml => out.write_all(resolved.to_toml().as_bytes())?,
        ConfigFormat::Json => writeln!(out, "{:#}", resolved.to_json())?,
    }
    out.flush()?;
    Ok(())
}

/// The layers, lowest first, so that problems are told in the order in which a reader goes through them.
fn gather(serve: &Serve, variable: impl Fn(&str) -> Option<OsString>, default_file: &Path) -> Layers {
    let mut layers = Layers::new();
    let named = match &serve.config {
        Some(path) => Some(("--config", path.clone())),
        None => variable(FILE_VARIABLE).map(|path| (FILE_VARIABLE, PathBuf::from(path))),
    };
    match named {
        Some((source, path)) if path.as_os_str().is_empty() => {
            layers.problem(format!("{source}: the value is empty: name a settings file or leave it out"));
        }
        Some((source, path)) => match read(&path) {
            Ok(text) => layers.file(&shown(&path), &text),
            Err(error) => layers.problem(format!("{source}: cannot read {}: {error}", shown(&path))),
        },
        None => match read(default_file) {
            Ok(text) => layers.file(&shown(default_file), &text),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => layers.problem(format!("cannot read {}: {error}", shown(default_file))),
        },
    }
    layers.env(variable);
    for (setting, text) in &serve.flags {
        layers.flag(setting, text.clone());
    }
    layers
}

fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {}", size(FILE_BYTES_MAX))));
    }
    Ok(text)
}

/// For people: groups of settings, then the memory plan.
fn write_table(resolved: &Resolved, paint: Paint, out: &mut impl Write) -> Result<()> {
    let rows: Vec<_> = resolved
        .effective
        .iter()
        .map(|effective| {
            let value = effective.text.as_deref().filter(|text| !text.is_empty()).unwrap_or("-");
            (effective.setting, clip(&one_line(value), VALUE_CHARS_MAX), one_line(&effective.origin()))
        })
        .collect();
    let key_width = rows.iter().map(|(setting, ..)| setting.key.len()).max().unwrap_or(0);
    let value_width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    let mut group = "";
    for (setting, value, origin) in &rows {
        if group != setting.group {
            if !group.is_empty() {
                writeln!(out)?;
            }
            group = setting.group;
            writeln!(out, "{}", paint.bold(group))?;
        }
        let value = format!("{value:<value_width$}");
        let (value, origin) = match origin.as_str() {
            "default" => (value, paint.dim(origin)),
            _ => (paint.cyan(&value), origin.clone()),
        };
        writeln!(out, "  {:<key_width$}  {value}  {origin}", setting.key)?;
    }

    let machine = match resolved.machine_bytes {
        Some(bytes) => format!("on a machine with {}", size(bytes)),
        None => "on a machine that does not tell; 4.0 GiB are assumed".to_owned(),
    };
    writeln!(out, "\n{} {}", paint.bold("Memory plan"), paint.dim(&machine))?;
    for (name, bytes, meaning) in resolved.memory.parts() {
        writeln!(out, "  {name:<key_width$}  {:>10}  {}", size(bytes), paint.dim(&meaning))?;
    }
    let wanted = resolved.settings.request_bytes_max as u64;
    if resolved.request_bytes_max() < wanted {
        let lowered = size(resolved.request_bytes_max());
        writeln!(out, "\nBodies above {lowered} are refused, below request_bytes_max: memory has no room for them.")?;
    }
    Ok(())
}

/// For programs: key, value and source with tabs between; the memory plan in bytes under keys of its own.
fn write_lines(resolved: &Resolved, out: &mut impl Write) -> Result<()> {
    for effective in &resolved.effective {
        let value = one_line(effective.text.as_deref().unwrap_or(""));
        writeln!(out, "{}\t{value}\t{}", effective.setting.key, one_line(&effective.origin()))?;
    }
    for (name, bytes, meaning) in resolved.memory.parts() {
        writeln!(out, "memory_plan.{}\t{bytes}\t{meaning}", name.replace(' ', "_"))?;
    }
    writeln!(out, "memory_plan.request_bytes_max\t{}\tlargest body that is let in", resolved.request_bytes_max())?;
    Ok(())
}
