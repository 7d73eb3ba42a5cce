//! The order of start-up, and nothing else.
//!
//! Trust: the command line is root's or systemd's.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use gaggle_policy::review::review;

use crate::arguments::{self, Arguments, Asked};
use crate::audit::{printable, record};
use crate::event_loop::EventLoop;
use crate::forked;
use crate::journal::to_stderr;
use crate::listeners;
use crate::service::Service;
use gaggle_launch::cgroup::Tree;
use gaggle_launch::launch::Ground;
use gaggle_launch::sys;

/// The files have to be mended first: starting again does not help.
const EXIT_CONFIG: u8 = 78;

/// The program `gaggle-supervisor`.
#[must_use]
pub fn main() -> ExitCode {
    let (code, error) = match arguments::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(arguments)) => match serve(arguments) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => failure,
        },
        Ok(Asked::Print(text)) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => (2, error),
    };
    to_stderr(3, &format!("gaggle-supervisor: {error}"));
    // For `systemctl status`, which keeps it.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&printable(&error))]);
    ExitCode::from(code)
}

/// Serves to the end; otherwise the exit status and a sentence.
fn serve(arguments: Arguments) -> Result<(), (u8, String)> {
    let failed = |why: String| (1, why);
    let unusable = |why| (EXIT_CONFIG, format!("{why}; mend it, then: systemctl start gaggle"));
    let (inherited, null) = listeners::sanitise().map_err(failed)?;
    let programs = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(std::path::Path::to_owned))
        .ok_or_else(|| failed("cannot tell where this program is; is /proc mounted?".to_owned()))?;
    // By a child, like every later look: this process never asks a name service.
    let look = || review(&arguments.config_dir, &programs, None, BTreeSet::new());
    let question = forked::ask(look).map_err(|errno| failed(errno.desc().to_owned()))?;
    let review = question.wait().map_err(failed)?;
    let snapshot = review.snapshot.unwrap_or_else(|| Err("nothing was read".to_owned()));
    let snapshot = snapshot.map_err(unusable)?;
    let frontend = snapshot.frontend.ok_or_else(|| {
        let user = &snapshot.settings.frontend_user;
        unusable(format!("frontend_user {user:?}: no such account, or root"))
    })?;
    // One supervisor per runtime folder: the next lines kill what was left over.
    let _lock = listeners::lock(&arguments.runtime_dir).map_err(failed)?;
    let tree = Tree::open(arguments.cgroup.as_deref()).map_err(failed)?;
    let ground = Ground { tree, programs, config_dir: arguments.config_dir, null };
    let mut service = Service::new(ground, snapshot);
    service.clear_leftovers().map_err(failed)?;
    let listeners = listeners::listeners(inherited, &arguments.runtime_dir, frontend.1);
    let listeners = listeners.map_err(failed)?;
    service.audit_configuration();
    service.set_lockdown(review.lockdown);
    let (abi, floor) = (sys::landlock_abi(), service.snapshot.settings.landlock_floor);
    record!(service.audit, READY; LANDLOCK_ABI: abi, LANDLOCK_FLOOR: floor);
    let event_loop = EventLoop::new(service, listeners);
    let event_loop = event_loop.map_err(|errno| failed(format!("signals: {}", errno.desc())))?;
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    event_loop.run().map_err(|errno| failed(format!("poll: {}", errno.desc())))
}
