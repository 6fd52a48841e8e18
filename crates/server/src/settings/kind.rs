//! [`Kind`]: how the text of a setting becomes its value, and the value a text.
//!
//! One marker type a kind of value; a row of the table in [`setting`](super::setting) names it. For every value that its
//! kind can read, reading what it writes gives the value again.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::setting::Shape;
use super::value::{Keep, LogFormat, MemoryLimit, format_size, parse_size, parse_time, parse_whole, quoted};

/// A kind of setting.
pub(super) trait Kind {
    type Value;
    /// What it is in TOML and on the command line.
    const SHAPE: Shape;
    /// What stands for the value in a flag's help.
    const VALUE_NAME: &'static str;

    /// Reads a text; the error says what was expected.
    fn parse(text: &str) -> Result<Self::Value, String>;

    /// Writes a value; `None` where there is none.
    fn text(value: &Self::Value) -> Option<String>;
}

/// Where a store is. What the text names is found out when the store is opened.
pub(super) struct Url;

impl Kind for Url {
    type Value = String;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "URL";

    fn parse(text: &str) -> Result<String, String> {
        Ok(text.trim().to_owned())
    }

    fn text(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// A local folder, or none.
pub(super) struct Folder;

impl Kind for Folder {
    type Value = Option<PathBuf>;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "DIR";

    fn parse(text: &str) -> Result<Option<PathBuf>, String> {
        if text.contains("://") {
            return Err(format!("{} is no folder on a local disk", quoted(text)));
        }
        Ok(Some(PathBuf::from(text)))
    }

    fn text(value: &Option<PathBuf>) -> Option<String> {
        value.as_ref().map(|path| path.display().to_string())
    }
}

/// A local file, or none.
pub(super) struct File;

impl Kind for File {
    type Value = Option<PathBuf>;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "FILE";

    fn parse(text: &str) -> Result<Option<PathBuf>, String> {
        Ok(Some(PathBuf::from(text)))
    }

    fn text(value: &Option<PathBuf>) -> Option<String> {
        Folder::text(value)
    }
}

/// An address to listen on.
pub(super) struct Address;

impl Kind for Address {
    type Value = SocketAddr;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "ADDRESS";

    fn parse(text: &str) -> Result<SocketAddr, String> {
        text.trim().parse().map_err(|_| format!("{} is no address like 127.0.0.1:6170", quoted(text)))
    }

    fn text(value: &SocketAddr) -> Option<String> {
        Some(value.to_string())
    }
}

/// On or off.
pub(super) struct Switch;

impl Kind for Switch {
    type Value = bool;
    const SHAPE: Shape = Shape::Switch;
    const VALUE_NAME: &'static str = "BOOL";

    fn parse(text: &str) -> Result<bool, String> {
        match text.trim() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            other => Err(format!("{} is neither true nor false", quoted(other))),
        }
    }

    fn text(value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}

/// Names as a request's `Host` has them, without port, with commas between.
pub(super) struct Hosts;

impl Kind for Hosts {
    type Value = Vec<String>;
    const SHAPE: Shape = Shape::List;
    const VALUE_NAME: &'static str = "HOST";

    fn parse(text: &str) -> Result<Vec<String>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(host).collect()
    }

    fn text(value: &Vec<String>) -> Option<String> {
        Some(value.join(","))
    }
}

/// One name or IP address, in lower case; an IPv6 address in brackets, as `Host` has it.
fn host(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    if let Ok(address) = address.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    let is_name = (1..=253).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_name { Ok(name) } else { Err(format!("{} is no host name like events.example.com (no port)", quoted(text))) }
}

/// A share of the machine's memory, or bytes of it.
pub(super) struct Memory;

impl Kind for Memory {
    type Value = MemoryLimit;
    const SHAPE: Shape = Shape::Size;
    const VALUE_NAME: &'static str = "SHARE|SIZE";

    fn parse(text: &str) -> Result<MemoryLimit, String> {
        text.parse()
    }

    fn text(value: &MemoryLimit) -> Option<String> {
        Some(value.to_string())
    }
}

/// Bytes.
pub(super) struct Size;

impl Kind for Size {
    type Value = usize;
    const SHAPE: Shape = Shape::Size;
    const VALUE_NAME: &'static str = "SIZE";

    fn parse(text: &str) -> Result<usize, String> {
        Ok(usize::try_from(parse_size(text)?).unwrap_or(usize::MAX))
    }

    fn text(value: &usize) -> Option<String> {
        Some(format_size(*value as u64))
    }
}

/// A number of things.
pub(super) struct Count;

impl Kind for Count {
    type Value = usize;
    const SHAPE: Shape = Shape::Number;
    const VALUE_NAME: &'static str = "N";

    fn parse(text: &str) -> Result<usize, String> {
        parse_whole(text.trim())
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| format!("{} is no whole number", quoted(text)))
    }

    fn text(value: &usize) -> Option<String> {
        Some(value.to_string())
    }
}

/// Seconds, as a number or as a duration.
pub(super) struct Seconds;

impl Kind for Seconds {
    type Value = u64;
    const SHAPE: Shape = Shape::Number;
    const VALUE_NAME: &'static str = "SECONDS";

    fn parse(text: &str) -> Result<u64, String> {
        parse_time(text, 1).ok_or_else(|| format!("{} is no number of seconds like 90, 90s or 30m", quoted(text)))
    }

    fn text(value: &u64) -> Option<String> {
        Some(value.to_string())
    }
}

/// Hours, as a number or as a duration.
pub(super) struct Hours;

impl Kind for Hours {
    type Value = u64;
    const SHAPE: Shape = Shape::Number;
    const VALUE_NAME: &'static str = "HOURS";

    fn parse(text: &str) -> Result<u64, String> {
        parse_time(text, 3_600).ok_or_else(|| format!("{} is no number of hours like 24, 24h or 2d", quoted(text)))
    }

    fn text(value: &u64) -> Option<String> {
        Some(value.to_string())
    }
}

/// Whole days, or for ever.
pub(super) struct Days;

impl Kind for Days {
    type Value = Keep;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "DAYS";

    fn parse(text: &str) -> Result<Keep, String> {
        text.parse()
    }

    fn text(value: &Keep) -> Option<String> {
        Some(value.to_string())
    }
}

/// Text or JSON lines.
pub(super) struct LogLines;

impl Kind for LogLines {
    type Value = LogFormat;
    const SHAPE: Shape = Shape::Text;
    const VALUE_NAME: &'static str = "text|json";

    fn parse(text: &str) -> Result<LogFormat, String> {
        text.parse()
    }

    fn text(value: &LogFormat) -> Option<String> {
        Some(value.to_string())
    }
}
