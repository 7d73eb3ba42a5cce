//! A setting as it was written, and the readers that give it a type.
//!
//! Trust: none; each reader refuses with what to write instead. Variables are
//! text by nature; in TOML the type has to be right.

use std::time::Duration;

use super::problems::Place;

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    /// From a variable.
    Variable(String),
    Text(String),
    Number(f64),
    Bool(bool),
    List(Vec<String>),
    Table(Vec<Entry>),
    /// Anything else TOML has.
    Other,
}

/// One line of a table whose keys are the admin's to choose.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) raw: Raw,
}

/// A setting with its place and the name it goes by there.
#[derive(Clone, PartialEq)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) raw: Raw,
}

/// Why a value cannot be read: what to write instead.
pub(super) type Refusal = String;

impl Raw {
    pub(super) fn text(&self) -> Result<String, Refusal> {
        match self {
            Self::Variable(text) | Self::Text(text) => Ok(text.clone()),
            _ => Err("write text in quotes".to_owned()),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, Refusal> {
        if let Self::Bool(value) = self {
            return Ok(*value);
        }
        let Self::Variable(text) = self else {
            return Err("write true or false, without quotes".to_owned());
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err("write true or false".to_owned()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Variable(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A time in seconds, fractions allowed, within `least..=most`.
    pub(super) fn seconds(&self, least: f64, most: f64) -> Result<Duration, Refusal> {
        self.number()
            .filter(|seconds| (least..=most).contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| format!("write a number of seconds from {least} to {most}"))
    }

    /// A time in hours, fractions allowed, within `least..=most`.
    pub(super) fn hours(&self, least: f64, most: f64) -> Result<Duration, Refusal> {
        self.number()
            .filter(|hours| (least..=most).contains(hours))
            .and_then(|hours| Duration::try_from_secs_f64(hours * 3600.0).ok())
            .ok_or_else(|| format!("write a number of hours from {least} to {most}"))
    }

    /// A whole number within `least..=most`.
    pub(super) fn count(&self, least: u32, most: u32) -> Result<u32, Refusal> {
        self.number()
            .filter(|number| number.fract() == 0.0)
            .filter(|number| (f64::from(least)..=f64::from(most)).contains(number))
            // In range and whole, so nothing is lost.
            .map(|number| number as u32)
            .ok_or_else(|| format!("write a whole number from {least} to {most}"))
    }

    /// Words: a list in TOML, separated by commas in a variable.
    pub(super) fn list(&self) -> Result<Vec<String>, Refusal> {
        let words: Vec<String> = match self {
            Self::List(words) => words.clone(),
            Self::Variable(text) => text.split(',').map(str::to_owned).collect(),
            _ => return Err("write a list of texts, like [\"one\", \"two\"]".to_owned()),
        };
        let words = words.iter().map(|word| word.trim().to_owned());
        Ok(words.filter(|word| !word.is_empty()).collect())
    }

    /// The lines of a table, in no order.
    pub(super) fn table(&self) -> Result<Vec<Entry>, Refusal> {
        match self {
            Self::Table(entries) => Ok(entries.clone()),
            _ => Err("write a section of its own, with lines like ID = \"text\"".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(text: &str) -> Raw {
        Raw::Variable(text.to_owned())
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        for bad in ["0", "-1", "nan", "inf", "1e400", "", "1s", "301"] {
            assert!(variable(bad).seconds(0.1, 300.0).is_err(), "{bad:?}");
        }
        let half = variable("0.5").seconds(0.1, 300.0);
        assert_eq!(half, Ok(Duration::from_millis(500)));
        for bad in ["0", "1.5", "-1", "100001", "1e9", "ten"] {
            assert!(variable(bad).count(1, 100_000).is_err(), "{bad:?}");
        }
        assert_eq!(variable("100000").count(1, 100_000), Ok(100_000));
    }

    #[test]
    fn in_toml_the_type_has_to_be_right() {
        assert!(Raw::Text("true".to_owned()).bool().is_err());
        assert!(Raw::Text("5".to_owned()).count(1, 9).is_err());
        assert!(Raw::Text("a,b".to_owned()).list().is_err());
        assert!(Raw::Bool(true).text().is_err());
        assert_eq!(variable(" a ,, b ").list(), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }
}
