//! The programs that are started for a person, and the environment they get.
//!
//! Trust: they lie where root's own program lies, and each is believed only if
//! root alone can have written it.

use std::path::{Path, PathBuf};

use gaggle_ipc::launch::{
    ENV_AGENT_PREFIX, ENV_CONNECT_PORTS, ENV_GOOSE, ENV_LANDLOCK_FLOOR, ENV_MAX_GOOSE, ENV_PROFILE,
    ENV_READ, ENV_WRITE,
};

use crate::configuration::Person;
use crate::settings::Settings;
use crate::trusted_file;

/// Absolute paths of what is started.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The worker's.
    pub worker: PathBuf,
    /// Goose's.
    pub goose: PathBuf,
}

impl Programs {
    /// Those in `folder`, or where the settings say.
    #[must_use]
    pub fn of(folder: &Path, settings: &Settings) -> Self {
        let goose = settings.goose_path.clone().unwrap_or_else(|| folder.join("goose"));
        Self { worker: folder.join("gaggle-worker"), goose }
    }

    /// They are there and root's own.
    ///
    /// # Errors
    /// A sentence that names the program.
    pub fn check(&self) -> Result<(), String> {
        [&self.worker, &self.goose]
            .into_iter()
            .try_for_each(|path| trusted_file::check_program(path))
            .map_err(|untrusted| untrusted.to_string())
    }

    /// A worker's whole environment, from nothing; `None` if a path in it is
    /// no text.
    #[must_use]
    pub fn environment(
        &self,
        settings: &Settings,
        person: &Person,
    ) -> Option<Vec<(String, String)>> {
        let entry = &person.entry;
        let name = person.account.name.as_str();
        let mut set: Vec<(String, String)> = [
            ("HOME", person.account.home.to_str()?),
            ("USER", name),
            ("LOGNAME", name),
            ("SHELL", "/bin/bash"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("TMPDIR", "/tmp"),
            (ENV_PROFILE, entry.profile.as_str()),
            (ENV_GOOSE, self.goose.to_str()?),
            (ENV_LANDLOCK_FLOOR, &settings.landlock_floor.to_string()),
            (ENV_MAX_GOOSE, &settings.max_goose_per_worker.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if let Some(ports) = &entry.connect_ports {
            let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
            set.push((ENV_CONNECT_PORTS.to_owned(), ports.join(",")));
        }
        for (name, paths) in [(ENV_READ, &entry.read), (ENV_WRITE, &entry.write)] {
            if !paths.is_empty() {
                let paths: Option<Vec<_>> = paths.iter().map(|path| path.to_str()).collect();
                set.push((name.to_owned(), paths?.join(":")));
            }
        }
        for (name, value) in person.env.iter() {
            set.push((format!("{ENV_AGENT_PREFIX}{name}"), value.to_owned()));
        }
        Some(set)
    }
}
