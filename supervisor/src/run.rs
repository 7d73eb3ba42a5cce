//! The order of start-up, and nothing else.
//!
//! Trust: the command line is root's or systemd's.

use std::io::Write as _;
use std::process::ExitCode;

use nix::unistd::User;

use crate::arguments::{self, Arguments, Asked};
use crate::audit::{Audit, Event};
use crate::cgroup::Tree;
use crate::event_loop::EventLoop;
use crate::journal::to_stderr;
use crate::launch::Ground;
use crate::service::Service;
use crate::{startup, sys};
use gaggle_policy::configuration::Snapshot;

/// The program `gaggle-supervisor`.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(arguments)) => arguments,
        Ok(Asked::Print(text)) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            to_stderr(3, &format!("gaggle-supervisor: {error}"));
            return ExitCode::from(2);
        }
    };
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            to_stderr(3, &format!("gaggle-supervisor: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let (inherited, null) = startup::sanitise()?;
    let snapshot = Snapshot::load(&arguments.config_dir)?;
    let frontend = &snapshot.settings.frontend_user;
    let frontend = User::from_name(frontend)
        .ok()
        .flatten()
        .filter(|user| !user.uid.is_root())
        .ok_or_else(|| format!("frontend_user {frontend:?}: no such account, or root"))?;
    // One supervisor per runtime folder: the next lines kill what was left over.
    let _lock = startup::lock(&arguments.runtime_dir)?;
    let tree = Tree::open(arguments.cgroup.as_deref())?;
    let programs = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(std::path::Path::to_owned))
        .ok_or("cannot tell where this program is; is /proc mounted?")?;
    let ground = Ground { tree, programs, null };
    ground.check_programs(&snapshot.settings)?;
    let mut service = Service::new(arguments.config_dir, ground, snapshot, Audit::new());
    service.clear_leftovers()?;
    let listeners = startup::listeners(inherited, &arguments.runtime_dir, &frontend)?;
    service.audit_configuration();
    service.audit.emit(&Event::Ready {
        landlock_abi: sys::landlock_abi(),
        landlock_floor: service.snapshot.settings.landlock_floor,
    });
    let event_loop = EventLoop::new(service, listeners, frontend.uid.as_raw())
        .map_err(|errno| format!("signals: {}", errno.desc()))?;
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    event_loop.run().map_err(|errno| format!("poll: {}", errno.desc()))
}
