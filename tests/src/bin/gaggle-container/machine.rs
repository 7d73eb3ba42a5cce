//! The container: Debian's root with a layer of its own in memory, booted with
//! systemd as its first process.
//!
//! Trust: root here is root of this machine. The mounts are in the caller's own
//! mount namespace and end with it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gaggle_tests::lab::wait;
use nix::mount::{MsFlags, mount};

/// A container boots in seconds; a busy machine takes longer.
const BOOT: Duration = Duration::from_secs(120);
/// A stop waits for running turns, a minute at most.
const POWER_OFF: Duration = Duration::from_secs(180);
/// Seconds that a command in the container may take.
const COMMAND: &str = "240";
/// systemd-nspawn's own filter denies these; 252 knows no name for the group.
/// A service manager needs the last one for address filters.
const CALLS: &str =
    "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self bpf";

/// A root folder with a container that may run in it.
pub(crate) struct Machine {
    root: PathBuf,
    cgroup: PathBuf,
    log: PathBuf,
    running: Option<Running>,
}

struct Running {
    nspawn: Child,
    /// The container's first process.
    leader: u32,
}

/// `base` with a layer over it, at `folder/root`. What is changed there is in
/// memory alone.
///
/// # Errors
/// The kernel refuses the mounts.
pub(crate) fn layer(base: &Path, folder: &Path) -> Result<PathBuf> {
    let [root, upper, work] = ["root", "upper", "work"].map(|name| folder.join(name));
    for part in [&root, &upper, &work] {
        fs::create_dir_all(part).with_context(|| format!("make {}", part.display()))?;
    }
    let shown = [base, &upper, &work].map(Path::display);
    let [base, upper, work] = shown;
    let options = format!("lowerdir={base},upperdir={upper},workdir={work}");
    mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .with_context(|| format!("mount a layer over {base}"))?;
    Ok(root)
}

impl Machine {
    /// The container of `root` in the cgroup folder `cgroup`, not booted yet.
    pub(crate) fn new(root: PathBuf, cgroup: PathBuf) -> Self {
        let log = root.with_extension("log");
        Self { root, cgroup, log, running: None }
    }

    /// The container's `path` as seen from here.
    pub(crate) fn seen(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The container's `path` as its first process sees it, mounts included.
    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        let leader = self.running.as_ref().map_or(0, |running| running.leader);
        PathBuf::from(format!("/proc/{leader}/root")).join(path.trim_start_matches('/'))
    }

    /// Boots it and waits until all units are up.
    ///
    /// # Errors
    /// They are not in time; with what the container printed.
    pub(crate) fn boot(&mut self) -> Result<()> {
        let log = fs::File::create(&self.log)?;
        // A cgroup of its own before it starts: what is below is its payload's.
        let enter = format!("echo 0 > {}/cgroup.procs && exec \"$@\"", self.cgroup.display());
        let nspawn = Command::new("sh")
            .args(["-c", &enter, "sh", "systemd-nspawn", "--quiet", "--machine=gaggle"])
            .args(["--boot", "--register=no", "--keep-unit", "--console=pipe"])
            .args(["--resolv-conf=off", "--timezone=off", "--link-journal=no", CALLS])
            .arg("--directory")
            .arg(&self.root)
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start systemd-nspawn")?;
        self.running = Some(Running { nspawn, leader: 0 });
        match wait::until(BOOT, || self.look()) {
            Some(up) if up => Ok(()),
            _ => bail!("the container does not boot:\n{}", self.console()),
        }
    }

    /// Whether it is up, once that is known.
    fn look(&mut self) -> Option<bool> {
        let running = self.running.as_mut()?;
        if let Ok(Some(_)) = running.nspawn.try_wait() {
            return Some(false);
        }
        let pid = running.nspawn.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        running.leader = children.split_whitespace().next()?.parse().ok()?;
        let state = self.output(&["systemctl", "is-system-running"]).ok()?;
        // Degraded: a unit of Debian's own, on whatever machine this is.
        let state = String::from_utf8_lossy(&state.stdout).into_owned();
        ["running", "degraded"].contains(&state.trim()).then_some(true)
    }

    fn console(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Stops it as `verb` of systemctl does, and waits for its end.
    ///
    /// # Errors
    /// It does not end in time.
    pub(crate) fn stop(&mut self, verb: &str) -> Result<()> {
        let _ = self.output(&["systemctl", "--no-block", verb])?;
        let mut running = self.running.take().context("the container does not run")?;
        let ended = wait::until(POWER_OFF, || running.nspawn.try_wait().ok().flatten());
        ensure!(ended.is_some(), "the container does not end:\n{}", self.console());
        Ok(())
    }

    /// A command in the container, as its root, with an environment of its own.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let leader = self.running.as_ref().map_or(0, |running| running.leader);
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", COMMAND, "nsenter", "--all", "--target"]);
        command.arg(leader.to_string()).arg("--").args(words);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// What a command says, however it ends.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn output(&self, words: &[&str]) -> Result<Output> {
        self.command(words).stdin(Stdio::null()).output().context("enter the container")
    }

    /// What a command that succeeds writes, without blanks at its ends.
    ///
    /// # Errors
    /// It fails; with all it said.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.output(words)?;
        ensure!(output.status.success(), "`{}` failed: {}", words.join(" "), said(&output));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// As [`Self::run`] for a shell's script that stops at the first error.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn sh(&self, script: &str) -> Result<String> {
        self.run(&["sh", "-ec", script])
    }

    /// Writes a file of root's.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, path: &str, mode: u32, text: &str) -> Result<()> {
        let seen = self.seen(path);
        fs::create_dir_all(seen.parent().context("a file is in a folder")?)?;
        // Its mode first: what is in it may be a secret.
        fs::write(&seen, "")?;
        fs::set_permissions(&seen, fs::Permissions::from_mode(mode))?;
        fs::write(&seen, text).with_context(|| format!("write the container's {path}"))
    }

    /// Copies a program in.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(crate) fn install(&self, program: &Path, path: &str) -> Result<()> {
        let seen = self.seen(path);
        fs::create_dir_all(seen.parent().context("a program is in a folder")?)?;
        fs::copy(program, &seen).with_context(|| format!("copy {}", program.display()))?;
        Ok(fs::set_permissions(&seen, fs::Permissions::from_mode(0o755))?)
    }

    /// The end of the journal since a time in seconds since 1970, for a
    /// failure's report.
    pub(crate) fn journal_since(&self, begun: u64) -> String {
        let since = format!("--since=@{begun}");
        let words = ["journalctl", "--no-pager", "--lines=200", "--output=short-precise", &since];
        let output = self.output(&words);
        output.map(|output| said(&output)).unwrap_or_default()
    }

    /// A shell at this terminal, until it is left.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn shell(&self) -> Result<()> {
        let leader = self.running.as_ref().context("the container does not run")?.leader;
        let leader = leader.to_string();
        Command::new("nsenter")
            .args(["--all", "--target", &leader, "--", "bash", "-l"])
            .status()?;
        Ok(())
    }
}

/// Both outputs of a command.
pub(crate) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}
