//! All places a setting can stand in, in their order: the environment, then
//! `gaggle.env`, then `gaggle.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::keys::Key;
use super::problems::{Findings, Place, closest};
use super::raw::{Found, Raw, Refusal};
use super::variables::Variable;
use super::{ENV_FILE, Environment, TOML_FILE, VARIABLES, access, dotenv, toml_file};

/// What was written, wherever.
pub(super) struct Settings {
    /// The configuration folder.
    pub(super) folder: PathBuf,
    variables: BTreeMap<&'static str, Found>,
    toml: toml_file::Settings,
    /// Everybody can read `gaggle.env`.
    env_file_is_open: bool,
}

impl Settings {
    pub(super) fn read(folder: &Path, environment: &Environment, findings: &mut Findings) -> Self {
        let mut settings = Self {
            folder: folder.to_owned(),
            variables: BTreeMap::new(),
            toml: toml_file::Settings::new(),
            env_file_is_open: false,
        };
        let file = folder.join(TOML_FILE);
        if let Some(content) = content(&file, findings) {
            settings.toml = toml_file::parse(&file, &content.text, findings);
        }
        let file = folder.join(ENV_FILE);
        if let Some(content) = content(&file, findings) {
            settings.env_file_is_open = content.open_to_others;
            settings.read_env_file(&file, &content.text, findings);
        }
        for variable in VARIABLES {
            if let Some(value) = environment.get(variable.name) {
                settings.set(variable, Place::environment(), value);
            }
        }
        settings
    }

    fn read_env_file(&mut self, file: &Path, text: &str, findings: &mut Findings) {
        let (assignments, bad) = dotenv::parse(text);
        for bad in bad {
            findings.problem(&Place::line(file, bad.line), bad.sentence);
        }
        for assignment in assignments {
            let place = Place::line(file, assignment.line);
            let name = assignment.name.as_str();
            let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) else {
                findings.notice(&place, unknown_variable(name));
                continue;
            };
            // The later one counts, as it does for every reader of such files.
            self.variables.remove(variable.name);
            self.set(variable, place, assignment.value.trim());
        }
    }

    /// Blank means that the default holds.
    fn set(&mut self, variable: &Variable, place: Place, value: &str) {
        if !value.is_empty() {
            let found = Found {
                place,
                name: variable.name.to_owned(),
                raw: Raw::Variable(value.to_owned()),
            };
            self.variables.insert(variable.name, found);
        }
    }

    pub(super) fn variable(&self, variable: Variable) -> Option<&Found> {
        self.variables.get(variable.name)
    }

    pub(super) fn key(&self, key: Key) -> Option<&Found> {
        self.toml.get(&(key.section, key.name))
    }

    /// The variable if it is set, the key otherwise.
    pub(super) fn either(&self, variable: Variable, key: Key) -> Option<&Found> {
        self.variable(variable).or_else(|| self.key(key))
    }

    /// `found` stands in `gaggle.env`, which everybody can read.
    pub(super) fn is_open_to_others(&self, found: &Found) -> bool {
        self.env_file_is_open && found.place != Place::environment()
    }

    /// A path of the configuration; a relative one starts in its folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }
}

/// Reads a setting, or takes `default` if it is not there. One that cannot be
/// read is a problem, and `default` then only keeps the search for more going.
pub(super) fn read<T>(
    found: Option<&Found>,
    default: T,
    findings: &mut Findings,
    reader: impl FnOnce(&Raw) -> Result<T, Refusal>,
) -> T {
    let Some(found) = found else {
        return default;
    };
    reader(&found.raw).unwrap_or_else(|refusal| {
        findings.problem(&found.place, format!("{}: {refusal}", found.name));
        default
    })
}

fn content(file: &Path, findings: &mut Findings) -> Option<access::Content> {
    access::read(file).unwrap_or_else(|refusal| {
        findings.problem(&Place::file(file), refusal);
        None
    })
}

fn unknown_variable(name: &str) -> String {
    let known = VARIABLES.iter().map(|variable| variable.name);
    match closest(name, known) {
        Some(meant) => format!("{name} is unknown and ignored; did you mean {meant}?"),
        None => format!("{name} is unknown here and ignored"),
    }
}
