//! The account of a demo without a lab: the caller's, or for a root that can do
//! no better, nobody's.
//!
//! Trust: as the caller's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, chown, geteuid};

const NOBODY: u32 = 65534;

/// Whose processes the demo's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ordinary {
    /// The caller's.
    Caller,
    /// The account without rights: Gaggle does not run as root.
    Nobody,
}

impl Ordinary {
    /// Decides, and tries it.
    pub(crate) fn choose() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Caller);
        }
        let tried = Self::Nobody.command(Path::new("true")).output()?;
        anyhow::ensure!(
            tried.status.success(),
            "this root cannot even become an ordinary account ({}); start the demo as one",
            String::from_utf8_lossy(&tried.stderr).trim()
        );
        Ok(Self::Nobody)
    }

    /// The account's name.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Caller => std::env::var("USER").unwrap_or_default(),
            Self::Nobody => "nobody".to_owned(),
        }
    }

    /// A command that runs as the account.
    pub(crate) fn command(self, program: &Path) -> Command {
        match self {
            Self::Caller => Command::new(program),
            Self::Nobody => {
                let id = NOBODY.to_string();
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
                command.args(["--inh-caps=-all", "--no-new-privs", "--"]).arg(program);
                command
            }
        }
    }

    /// Where the account can start `program`: root's folders may be shut.
    pub(crate) fn reachable(self, program: &Path, folder: &Path) -> Result<PathBuf> {
        if self == Self::Caller {
            return program.canonicalize().with_context(|| program.display().to_string());
        }
        let copy = folder.join(program.file_name().context("a program has a name")?);
        fs::copy(program, &copy).with_context(|| program.display().to_string())?;
        Ok(copy)
    }

    /// Gives a folder to the account, with all that is in it.
    pub(crate) fn give(self, folder: &Path) -> Result<()> {
        if self == Self::Caller {
            return Ok(());
        }
        chown(folder, Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY)))?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.give(&entry.path())?;
            } else if !entry.file_type()?.is_symlink() {
                let to = (Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY)));
                chown(&entry.path(), to.0, to.1)?;
            }
        }
        Ok(())
    }
}
