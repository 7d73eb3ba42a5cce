//! What of the account's own home is not the agent's.
//!
//! Trust: whatever is made here has a name of its own and is removed again;
//! what was there is opened and left as it is.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use gaggle_ipc::launch::Profile;
use nix::errno::Errno;

use super::attempt::{Absence, Outcome, Tries, to_errno};
use super::files::{read, write, write_in};
use super::ground::Ground;
use crate::folders;

/// What runs, or lets somebody in, at the next login.
const START_UP: &[&str] = &[
    ".bashrc",
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".zshrc",
    ".zshenv",
    ".pam_environment",
    ".ssh/authorized_keys",
    ".ssh/rc",
    ".config/autostart/gaggle-isolation-probe.desktop",
    ".config/systemd/user/gaggle-isolation-probe.service",
    ".config/environment.d/gaggle-isolation-probe.conf",
    ".local/bin/gaggle-isolation-probe",
];

/// Files that are the person's own, if they are there.
const PRIVATE: &[&str] = &[
    ".bashrc",
    ".profile",
    ".bash_history",
    ".netrc",
    ".gitconfig",
    ".git-credentials",
    ".ssh/id_rsa",
    ".ssh/id_ed25519",
    ".ssh/authorized_keys",
    ".ssh/known_hosts",
    ".config/goose/config.yaml",
];

const BY_PROFILE: &str = "the whole home is the agent's: profile full";

/// Lists the home, reads what is private in it, makes a file in it.
pub(super) fn outside_profile(ground: &Ground) -> Outcome {
    if ground.profile == Profile::Full {
        return Outcome::untried(BY_PROFILE);
    }
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add_io("list ~", fs::read_dir(&ground.home));
    tries.add("write in ~", write_in(&ground.home));
    for folder in [".ssh", ".gnupg", ".config", ".local/share/keyrings"] {
        tries.add_io(format!("list ~/{folder}"), fs::read_dir(ground.home.join(folder)));
    }
    for file in PRIVATE {
        tries.add_io(format!("read ~/{file}"), read(ground.home.join(file)));
    }
    tries.outcome()
}

/// Opens the home to others: gives it, and private files in it, the mode that
/// they have. Landlock does not mediate that.
pub(super) fn modes(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for name in std::iter::once("").chain(PRIVATE.iter().copied()) {
        let path = ground.home.join(name);
        if let Ok(found) = fs::symlink_metadata(&path)
            && !found.is_symlink()
        {
            tries
                .add_io(format!("chmod ~/{name}"), fs::set_permissions(&path, found.permissions()));
        }
    }
    by_profile(ground, tries)
}

/// Changes what runs at the next login.
pub(super) fn start_up_files(ground: &Ground) -> Outcome {
    if ground.profile == Profile::Full {
        return Outcome::untried(BY_PROFILE);
    }
    let mut tries = Tries::new(Absence::ProvesNothing);
    for file in START_UP {
        tries.add_io(format!("~/{file}"), write_or_make(&ground.home, Path::new(file)));
    }
    tries.outcome()
}

/// Opens the file for writing, or makes it and the first missing folder above
/// it, and removes what was made.
fn write_or_make(home: &Path, file: &Path) -> io::Result<()> {
    let path = home.join(file);
    if fs::symlink_metadata(&path).is_ok() {
        return write(&path).map(drop);
    }
    let missing = file.ancestors().skip(1).map(|above| home.join(above));
    let missing: Vec<PathBuf> =
        missing.take_while(|above| fs::symlink_metadata(above).is_err()).collect();
    match missing.last() {
        Some(topmost) => fs::create_dir(topmost).and_then(|()| fs::remove_dir(topmost)),
        None => {
            OpenOptions::new().write(true).create_new(true).open(&path)?;
            fs::remove_file(&path)
        }
    }
}

/// Reads what the worker keeps for itself.
pub(super) fn worker_state(ground: &Ground) -> Outcome {
    if ground.profile == Profile::Full {
        return Outcome::untried(BY_PROFILE);
    }
    let folder = ground.home.join(folders::WORKER_STATE);
    let mut tries = Tries::new(Absence::ProvesNothing);
    let shown = format!("~/{}", folders::WORKER_STATE);
    tries.add_io(format!("list {shown}"), fs::read_dir(&folder));
    tries.add(format!("write in {shown}"), write_in(&folder));
    tries.outcome()
}

/// Gives a private file a second name in the workspace.
pub(super) fn hard_link(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let link = ground.fresh(&ground.workspace());
    for (name, file) in private_files(ground) {
        let made = fs::hard_link(&file, &link);
        let _ = fs::remove_file(&link);
        tries.add(format!("link ~/{name} into the workspace"), refusal_of(made));
    }
    by_profile(ground, tries)
}

/// Moves a file out of the workspace into the home.
pub(super) fn rename_out(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let inside = ground.fresh(&ground.workspace());
    let outside = ground.fresh(&ground.home);
    if same_file_system(&ground.workspace(), &ground.home)
        && OpenOptions::new().write(true).create_new(true).open(&inside).is_ok()
    {
        let moved = fs::rename(&inside, &outside);
        let _ = fs::remove_file(&inside);
        let _ = fs::remove_file(&outside);
        tries.add("rename from the workspace into ~", refusal_of(moved));
    }
    by_profile(ground, tries)
}

/// Reads a private file by way of a link in the workspace.
pub(super) fn planted_link(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let link = ground.fresh(&ground.workspace());
    for (name, file) in private_files(ground) {
        if symlink(&file, &link).is_ok() {
            tries.add_io(format!("read ~/{name} through a link"), read(&link));
            let _ = fs::remove_file(&link);
        }
    }
    by_profile(ground, tries)
}

fn by_profile(ground: &Ground, tries: Tries) -> Outcome {
    if ground.profile == Profile::Full { Outcome::untried(BY_PROFILE) } else { tries.outcome() }
}

/// Private files that can be linked to from the workspace at all.
fn private_files(ground: &Ground) -> Vec<(&'static str, PathBuf)> {
    let there = PRIVATE.iter().map(|name| (*name, ground.home.join(name)));
    there.filter(|(_, file)| same_file_system(file, &ground.workspace())).collect()
}

fn same_file_system(left: &Path, right: &Path) -> bool {
    let device = |path: &Path| fs::symlink_metadata(path).map(|found| found.dev()).ok();
    device(left).is_some() && device(left) == device(right)
}

/// Landlock says of a link or a move between its places that they are
/// different devices, which here they are not.
fn refusal_of(result: io::Result<()>) -> Result<(), Errno> {
    result.map_err(|error| match to_errno(&error) {
        Errno::EXDEV => Errno::EACCES,
        errno => errno,
    })
}
