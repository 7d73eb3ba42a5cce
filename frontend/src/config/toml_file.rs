//! `gaggle.toml`: sections and keys with their lines.
//!
//! Trust: a key outside the table of keys is refused: a setting that is silently
//! ignored is one the admin believes in.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::keys::{KEYS, Key};
use super::problems::{Findings, Place, closest};
use super::raw::{Entry, Found, Raw};

/// The settings of a file by section and name.
pub(super) type Settings = BTreeMap<(&'static str, &'static str), Found>;

/// Reads a file's text. What is wrong goes to `findings`.
pub(super) fn parse(file: &Path, text: &str, findings: &mut Findings) -> Settings {
    let mut settings = Settings::new();
    let root = match DeTable::parse(text) {
        Ok(root) => root.into_inner(),
        Err(error) => {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            let message = error.message().trim().replace('\n', ", ");
            findings.problem(&Place::line(file, line), format!("this is no TOML: {message}"));
            return settings;
        }
    };
    for (section, content) in &root {
        let place = Place::line(file, line_of(text, section.span().start));
        let name = section.get_ref().as_ref();
        if !KEYS.iter().any(|key| key.section == name) {
            findings.problem(&place, unknown_section(name));
            continue;
        }
        let Some(table) = content.get_ref().as_table() else {
            findings.problem(&place, format!("{name} is a section; write [{name}]"));
            continue;
        };
        for (key, value) in table {
            let place = Place::line(file, line_of(text, key.span().start));
            let place_of = |at| Place::line(file, line_of(text, at));
            read_key(
                name,
                key.get_ref(),
                raw(value.get_ref(), &place_of),
                place,
                &mut settings,
                findings,
            );
        }
    }
    settings
}

fn read_key(
    section: &str,
    name: &str,
    raw: Raw,
    place: Place,
    settings: &mut Settings,
    findings: &mut Findings,
) {
    let known = KEYS.iter().find(|key| key.section == section && key.name == name);
    match known {
        None => findings.problem(&place, unknown_key(section, name)),
        Some(Key { section, name, .. }) => {
            let found = Found { place, name: format!("{name} in [{section}]"), raw };
            settings.insert((section, name), found);
        }
    }
}

fn raw(value: &DeValue<'_>, place: &impl Fn(usize) -> Place) -> Raw {
    let number = |text: String| text.replace('_', "").parse().map_or(Raw::Other, Raw::Number);
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Integer(value) => number(value.to_string()),
        DeValue::Float(value) => number(value.to_string()),
        DeValue::Array(values) => values
            .iter()
            .map(|value| value.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or(Raw::Other, Raw::List),
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
                place: place(key.span().start),
                name: key.get_ref().to_string(),
                raw: raw(value.get_ref(), place),
            };
            Raw::Table(table.iter().map(entry).collect())
        }
        DeValue::Datetime(_) => Raw::Other,
    }
}

fn unknown_section(name: &str) -> String {
    // A key before the first section header looks like a section of its name.
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return format!("{name} belongs below [{}]", key.section);
    }
    match closest(name, KEYS.iter().map(|key| key.section)) {
        Some(meant) => format!("there is no section [{name}]; write [{meant}]"),
        None => format!("there is no section [{name}]; there are {}", sections()),
    }
}

fn unknown_key(section: &str, name: &str) -> String {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return format!("{name} belongs below [{}], not [{section}]", key.section);
    }
    let here = || KEYS.iter().filter(|key| key.section == section);
    match closest(name, here().map(|key| key.name)) {
        Some(meant) => format!("[{section}] has no key {name}; write {meant}"),
        None => {
            let names: Vec<&str> = here().map(|key| key.name).collect();
            format!("[{section}] has no key {name}; it has {}", names.join(", "))
        }
    }
}

fn sections() -> String {
    let mut names: Vec<String> = KEYS.iter().map(|key| format!("[{}]", key.section)).collect();
    names.dedup();
    names.join(", ")
}

/// The line, from 1, of a byte in the text.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
