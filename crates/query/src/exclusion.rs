//! [`Exclusion`]: a value of a field that no answered event has. Its text is `field:value`, as in `type:actionkit`.

use std::fmt;
use std::str::FromStr;

use annals_event::Level;

use crate::error::{Error, Result};
use crate::facets::FacetField;

/// A value to leave out. An event without any value in the field stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Any field but the project.
    pub field: FacetField,
    /// The value, compared byte by byte.
    pub value: String,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.field, self.value)
    }
}

impl FromStr for Exclusion {
    type Err = Error;

    /// Reads `field:value`; the value may hold colons. A level may be spelled in any common way.
    ///
    /// # Errors
    /// `Invalid` for a text without a field or a value, a field that there is not, and the project, of which those wanted
    /// are named.
    fn from_str(text: &str) -> Result<Self> {
        let Some((field, value)) = text.split_once(':').filter(|(_, value)| !value.is_empty()) else {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::invalid(format!("{shown:?} is not FIELD:VALUE, as in type:actionkit")));
        };
        let field = field.parse()?;
        let value = match field {
            FacetField::Project => {
                return Err(Error::invalid("a project is not left out: name those that are wanted"));
            }
            FacetField::Level => value.parse::<Level>().map_err(|error| Error::invalid(error.to_string()))?.as_str(),
            _ => value,
        };
        Ok(Self { field, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_and_written_alike() {
        for text in ["type:actionkit", "user:a:b", "level:ERROR", "event_name: x"] {
            assert_eq!(text.parse::<Exclusion>().unwrap().to_string(), text);
        }
        assert_eq!("level:warning".parse::<Exclusion>().unwrap().value, "WARN");
    }

    #[test]
    fn what_is_no_exclusion_is_refused_with_what_to_do() {
        for (text, said) in [
            ("type", "is not FIELD:VALUE"),
            ("type:", "is not FIELD:VALUE"),
            (":x", "is not a field"),
            ("payload:x", "is not a field"),
            ("level:loud", "level"),
            ("project:acme", "name those that are wanted"),
        ] {
            let problem = text.parse::<Exclusion>().unwrap_err().to_string();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
