//! The table of places and rights: what domain A and domain B consist of.
//!
//! Trust: system paths are root's. Everything below the home is opened without
//! links and must be the account's; paths an admin added are opened without
//! links too. A place that may be missing is left out, never replaced.

use std::os::fd::OwnedFd;
use std::path::Path;

use gaggle_ipc::launch::Profile;
use nix::sys::stat::fstat;

use crate::environment::Environment;
use crate::folders::{self, FolderError, Home, is_folder, open_without_links};
use crate::programs::Programs;

/// What may be done at and below a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Read files, list folders.
    Read,
    /// Read and execute.
    Execute,
    /// Read, write, make, remove, rename.
    Write,
    /// Write and execute.
    WriteExecute,
    /// Read, write and control one device.
    Device,
    /// Make and end leaves of a cgroup.
    Cgroup,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Place {
    /// The place, held open.
    pub(crate) at: OwnedFd,
    /// What may be done there.
    pub(crate) right: Right,
    /// Whether it is a folder.
    pub(crate) folder: bool,
}

impl Place {
    /// A place that is open already.
    ///
    /// # Errors
    /// [`FolderError`] if the system will not describe it.
    pub(crate) fn new(at: OwnedFd, right: Right) -> Result<Self, FolderError> {
        let found = fstat(&at)
            .map_err(|errno| FolderError::System { path: "a descriptor".into(), errno })?;
        Ok(Self { folder: is_folder(&found), at, right })
    }
}

/// System folders, present or not. A link among them (a merged `/usr`) leads to
/// a folder that is in the list itself.
pub(crate) const SYSTEM: &[(&str, Right)] = &[
    ("/usr", Right::Execute),
    ("/lib", Right::Execute),
    ("/lib32", Right::Execute),
    ("/lib64", Right::Execute),
    ("/libx32", Right::Execute),
    ("/bin", Right::Execute),
    ("/sbin", Right::Execute),
    ("/opt", Right::Execute),
    ("/etc", Right::Read),
    ("/proc", Right::Read),
    ("/sys/devices/system/cpu", Right::Read),
    // What /etc/resolv.conf may point into.
    ("/run/systemd/resolve", Right::Read),
    ("/run/NetworkManager", Right::Read),
    ("/run/resolvconf", Right::Read),
    ("/tmp", Right::WriteExecute),
    ("/dev/null", Right::Device),
    ("/dev/zero", Right::Device),
    ("/dev/full", Right::Device),
    ("/dev/random", Right::Device),
    ("/dev/urandom", Right::Device),
    ("/dev/tty", Right::Device),
];

/// The places of domain B, which A has too.
///
/// # Errors
/// [`FolderError`], for the first place that is not fit.
pub(crate) fn of_agent(
    environment: &Environment,
    programs: &Programs,
    home: &Home,
) -> Result<Vec<Place>, FolderError> {
    let mut places = Vec::new();
    for (path, right) in SYSTEM {
        add_if_there(&mut places, Path::new(path), *right)?;
    }
    add_if_there(&mut places, &environment.tmpdir, Right::Write)?;
    places.push(Place::new(open_without_links(&programs.folder)?, Right::Execute)?);
    // The file alone: what an admin keeps beside it is not Goose's to read.
    places.push(Place::new(open_without_links(&programs.goose)?, Right::Execute)?);
    add_home(&mut places, environment.profile, home)?;
    for path in &environment.read {
        places.push(Place::new(open_without_links(path)?, Right::Read)?);
    }
    for path in &environment.write {
        places.push(Place::new(open_without_links(path)?, Right::Write)?);
    }
    Ok(places)
}

fn add_home(places: &mut Vec<Place>, profile: Profile, home: &Home) -> Result<(), FolderError> {
    // Made for both profiles: Goose panics where its folders are missing.
    let folders = [
        (home.make(folders::WORKSPACE)?, Right::WriteExecute),
        (home.make(folders::CACHE)?, Right::WriteExecute),
        (home.make(folders::GOOSE_DATA)?, Right::Write),
        (home.make(folders::GOOSE_STATE)?, Right::Write),
    ];
    for (at, right) in folders {
        places.push(Place::new(at, right)?);
    }
    if profile == Profile::Full {
        places.push(Place::new(home.itself()?, Right::WriteExecute)?);
    }
    Ok(())
}

fn add_if_there(places: &mut Vec<Place>, path: &Path, right: Right) -> Result<(), FolderError> {
    match open_without_links(path) {
        Ok(at) => places.push(Place::new(at, right)?),
        Err(FolderError::Link(_)) => {}
        Err(FolderError::System { errno: nix::errno::Errno::ENOENT, .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
