//! The two services as their units start them: the same user, the same
//! bounding set, the same arguments.
//!
//! Trust: none beyond what the units give.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::namespace::Namespace;
use super::notify::Manager;
use super::spec::{CONFIG, FRONTEND_UID, PROGRAMS, RUNTIME, STATE};
use super::wait;

/// The bounding set of `gaggle-supervisor.service`.
const SUPERVISOR_CAPABILITIES: &str = "-all,+setuid,+setgid,+setpcap,+kill,+chown,+sys_admin";
/// Orderly ends take at most so long before they are called stuck.
const ORDERLY: Duration = Duration::from_secs(90);

/// One of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `gaggle-supervisor`, as root.
    Supervisor,
    /// `gaggle-frontend`, as the frontend's account.
    Frontend,
}

impl Which {
    /// The program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "gaggle-supervisor",
            Self::Frontend => "gaggle-frontend",
        }
    }
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    child: Child,
    log: PathBuf,
    manager: Manager,
}

impl Service {
    /// Starts it in the lab, with this environment beside its own; its standard
    /// error goes to a file.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start(lab: &Namespace, which: Which, environment: &[(String, String)]) -> Result<Self> {
        let log = lab.outside().join(format!("{}.log", which.name()));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let group = lab.cgroup().join("services");
        let group = group.to_str().context("a cgroup with a readable name")?;
        let workers = lab.cgroup().join("workers");
        let workers = workers.to_str().context("a cgroup with a readable name")?;
        let join = "echo 0 >\"$0/cgroup.procs\" && exec \"$@\"";
        let program = format!("{PROGRAMS}/{}", which.name());
        let uid = FRONTEND_UID.to_string();
        let capabilities = format!("--bounding-set={SUPERVISOR_CAPABILITIES}");
        let mut arguments = vec!["sh", "-c", join, group, "setpriv", "--inh-caps=-all"];
        match which {
            Which::Supervisor => arguments.push(&capabilities),
            Which::Frontend => arguments.extend([
                "--reuid",
                &uid,
                "--regid",
                &uid,
                "--clear-groups",
                "--no-new-privs",
                "--bounding-set=-all",
            ]),
        }
        // For the program alone, and not for what leads to it.
        let environment: Vec<String> =
            environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        arguments.extend(["--", "env"]);
        arguments.extend(environment.iter().map(String::as_str));
        arguments.extend([program.as_str(), "--config-dir", CONFIG, "--runtime-dir", RUNTIME]);
        match which {
            Which::Supervisor => arguments.extend(["--cgroup", workers]),
            Which::Frontend => arguments.extend(["--state-dir", STATE]),
        }
        // Not where a test may leave no room.
        let socket = format!("/srv/{}.notify", which.name());
        let manager = Manager::listen(lab, &socket)?;
        let mut command = lab.command(&arguments);
        command.env("NOTIFY_SOCKET", socket);
        command.stdin(Stdio::null());
        let child = command.stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.with_context(|| format!("start {}", which.name()))?;
        Ok(Self { child, log, manager })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// What `systemctl status` would show of it.
    #[must_use]
    pub fn status(&self) -> String {
        self.manager.status()
    }

    /// It has ended; how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.pid()), signal)?)
    }

    /// Ends it as systemd would, and waits.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if self.ended().is_none() {
            self.signal(Signal::SIGTERM)?;
        }
        wait::until(ORDERLY, || self.ended()).context("the service does not end on SIGTERM")
    }

    /// Kills it at once, and waits.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        debug_assert!(status.signal().is_some() || status.code().is_some());
        Ok(())
    }

    /// What it wrote to standard output and error so far, its starts before included.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
