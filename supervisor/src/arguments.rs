//! The command line. Written by hand: an argument parser is not worth its
//! weight in the root process.
//!
//! Trust: root or systemd wrote it.

use std::path::PathBuf;

/// Where things are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Folder of the mapping, `supervisor.toml` and the provider settings.
    pub(crate) config_dir: PathBuf,
    /// Folder in which the sockets are made when systemd passed none.
    pub(crate) runtime_dir: PathBuf,
    /// cgroup2 folder for the workers; found by itself under systemd.
    pub(crate) cgroup: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Run.
    Run(Arguments),
    /// Print this and leave.
    Print(String),
}

const HELP: &str = include_str!("help.txt");
const VERSION: &str = concat!("gaggle-supervisor ", env!("CARGO_PKG_VERSION"), "\n");

/// Reads the command line.
///
/// # Errors
/// A sentence that names the argument in question.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Asked, String> {
    let mut parsed = Arguments {
        config_dir: PathBuf::from("/etc/gaggle"),
        runtime_dir: PathBuf::from("/run/gaggle"),
        cgroup: None,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let place = match name.as_str() {
            "--help" | "-h" => return Ok(Asked::Print(HELP.to_owned())),
            "--version" | "-V" => return Ok(Asked::Print(VERSION.to_owned())),
            "--config-dir" => &mut parsed.config_dir,
            "--runtime-dir" => &mut parsed.runtime_dir,
            "--cgroup" => parsed.cgroup.insert(PathBuf::new()),
            other => return Err(format!("unknown argument {other:?}; see --help")),
        };
        *place = joined
            .or_else(|| arguments.next())
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .ok_or_else(|| format!("{name} needs an absolute path"))?;
    }
    Ok(Asked::Run(parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Asked, String> {
        parse(words.iter().map(|w| (*w).to_owned()))
    }

    #[test]
    fn both_spellings_and_defaults() {
        let Ok(Asked::Run(arguments)) = of(&["--config-dir", "/c", "--cgroup=/g"]) else {
            panic!("refused")
        };
        assert_eq!(arguments.config_dir, PathBuf::from("/c"));
        assert_eq!(arguments.runtime_dir, PathBuf::from("/run/gaggle"));
        assert_eq!(arguments.cgroup, Some(PathBuf::from("/g")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(of(&["--confg"]).unwrap_err().contains("--confg"));
        assert!(of(&["--cgroup"]).unwrap_err().contains("absolute"));
        assert!(of(&["--config-dir", "etc"]).unwrap_err().contains("--config-dir"));
    }
}
