//! The outer side of a running lab's mount namespace: entering it, looking into
//! it, ending it.
//!
//! Trust: `gaggle-lab`, its child. When this process ends in whatever way, the
//! child's standard input ends, and it takes everything down.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::records::{self, Entry};
use super::spec::{JOURNAL_FILE, Report, Spec};
use super::wait;

/// How long taking down may last before the child is killed.
const TAKE_DOWN: Duration = Duration::from_secs(30);

/// A mount namespace with a lab in it.
#[derive(Debug)]
pub struct Namespace {
    child: Child,
    /// Held open: its end is the end of the lab.
    input: Option<ChildStdin>,
    pid: u32,
    cgroup: PathBuf,
    outside: TempDir,
}

impl Namespace {
    /// Has `gaggle-lab` (the program at `program`) build what `spec` says, with
    /// `outside` for what both sides see.
    ///
    /// # Errors
    /// Whatever kept it from being built.
    pub fn build(program: &Path, spec: &Spec, outside: TempDir) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut input = child.stdin.take().context("its standard input")?;
        let output = child.stdout.take().context("its standard output")?;
        writeln!(input, "{}", serde_json::to_string(spec)?)?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match serde_json::from_str(&line) {
            Ok(Report::Ready { pid, cgroup }) => {
                Ok(Self { child, input: Some(input), pid, cgroup, outside })
            }
            Ok(Report::Failed(why)) => bail!("the lab could not be built: {why}"),
            Err(_) => bail!("gaggle-lab ended without a word"),
        }
    }

    /// Where the lab's `path` is seen from outside.
    #[must_use]
    pub fn seen(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let below = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc").join(self.pid.to_string()).join("root").join(below)
    }

    /// Process id of `gaggle-lab`, which also is the lab's journal.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The lab's cgroup folder, with `services` and `workers` in it.
    #[must_use]
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// The folder that both sides see.
    #[must_use]
    pub fn outside(&self) -> &Path {
        self.outside.path()
    }

    /// A command that runs in the lab as root, with an environment of its own.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target", &self.pid.to_string(), "--"])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .process_group(0);
        command
    }

    /// Runs a command in the lab as `uid`, without capabilities, to its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, uid: u32, arguments: &[&str]) -> Result<Output> {
        let id = uid.to_string();
        let mut all = vec!["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        if uid != 0 {
            all.extend(["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]);
        }
        all.push("--");
        all.extend(arguments);
        let output = self.command(&all).stdin(Stdio::null()).output();
        output.context("enter the lab")
    }

    /// All journal records so far.
    #[must_use]
    pub fn records(&self) -> Vec<Entry> {
        records::read(&self.outside.path().join(JOURNAL_FILE))
    }

    /// Process ids of everything in the lab's cgroup folder `part`, with what
    /// is below it.
    #[must_use]
    pub fn processes(&self, part: &str) -> Vec<i32> {
        let mut found = Vec::new();
        processes_below(&self.cgroup.join(part), &mut found);
        found
    }

    /// Process ids of the people's processes of that name.
    #[must_use]
    pub fn people_running(&self, name: &str) -> Vec<i32> {
        let mut pids = self.processes("workers");
        pids.retain(|pid| process_name(*pid) == name);
        pids
    }
}

/// The name of a process, empty once it is gone or a zombie.
#[must_use]
pub fn process_name(pid: i32) -> String {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    // A zombie keeps its name but has no command line any more.
    match (read("cmdline"), read("comm")) {
        (Ok(line), Ok(name)) if !line.is_empty() => name.trim_end().to_owned(),
        _ => String::new(),
    }
}

fn processes_below(folder: &Path, found: &mut Vec<i32>) {
    let own = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    found.extend(own.lines().filter_map(|line| line.parse::<i32>().ok()));
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in below.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        processes_below(&entry.path(), found);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.input.take());
        let deadline = Instant::now() + TAKE_DOWN;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(wait::STEP);
        }
    }
}
