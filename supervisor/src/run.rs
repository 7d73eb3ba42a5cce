//! The order of start-up, and nothing else.
//!
//! Trust: the command line is root's or systemd's.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use gaggle_policy::review::review;

use crate::arguments::{self, Arguments, Asked};
use crate::audit::record;
use crate::event_loop::EventLoop;
use crate::forked;
use crate::journal::to_stderr;
use crate::listeners;
use crate::service::Service;
use gaggle_launch::cgroup::Tree;
use gaggle_launch::launch::Ground;
use gaggle_launch::sys;

/// The program `gaggle-supervisor`.
#[must_use]
pub fn main() -> ExitCode {
    let (code, error) = match arguments::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(arguments)) => match serve(arguments) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (1, error),
        },
        Ok(Asked::Print(text)) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => (2, error),
    };
    to_stderr(3, &format!("gaggle-supervisor: {error}"));
    ExitCode::from(code)
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let (inherited, null) = listeners::sanitise()?;
    let programs = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(std::path::Path::to_owned))
        .ok_or("cannot tell where this program is; is /proc mounted?")?;
    // By a child, like every later look: this process never asks a name service.
    let look = || review(&arguments.config_dir, &programs, None, BTreeSet::new());
    let review = forked::ask(look).map_err(|errno| errno.desc().to_owned())?.wait()?;
    let snapshot = review.snapshot.ok_or("nothing was read")??;
    let frontend = snapshot.frontend.ok_or_else(|| {
        format!("frontend_user {:?}: no such account, or root", snapshot.settings.frontend_user)
    })?;
    // One supervisor per runtime folder: the next lines kill what was left over.
    let _lock = listeners::lock(&arguments.runtime_dir)?;
    let tree = Tree::open(arguments.cgroup.as_deref())?;
    let ground = Ground { tree, programs, config_dir: arguments.config_dir, null };
    let mut service = Service::new(ground, snapshot);
    service.clear_leftovers()?;
    let listeners = listeners::listeners(inherited, &arguments.runtime_dir, frontend.1)?;
    service.audit_configuration();
    service.set_lockdown(review.lockdown);
    let (abi, floor) = (sys::landlock_abi(), service.snapshot.settings.landlock_floor);
    record!(service.audit, READY; LANDLOCK_ABI: abi, LANDLOCK_FLOOR: floor);
    let event_loop =
        EventLoop::new(service, listeners).map_err(|errno| format!("signals: {}", errno.desc()))?;
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    event_loop.run().map_err(|errno| format!("poll: {}", errno.desc()))
}
