//! Rows of `docs/attacks.md`: an agent told by a hostile text to do its worst.
//!
//! Most cases are tables of acts: each must be held for the agent and open to
//! somebody else, so that what holds is the defence and no slip of the pen.

mod files;
mod kernel;
mod persistence;
mod processes;
mod protocol;
mod resources;
mod rights;
mod sockets;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::{Builder, Lab, Thread, programs};

/// Where an attacker's programs lie: executable for every agent, and on a file
/// system that honours set-uid bits, capabilities and devices.
const ACTS: &str = "/srv/gaggle/lib/acts";

/// Alice, bob, and the programs of an attacker.
fn lab() -> Result<Option<Lab>> {
    armed(Lab::builder())
}

/// What `builder` asks for, and the programs of an attacker.
#[track_caller]
fn armed(builder: Builder) -> Result<Option<Lab>> {
    let Some(lab) = builder.start_if_possible()? else { return Ok(None) };
    let folder = lab.namespace.seen(ACTS);
    fs::create_dir(&folder)?;
    let mount = ["mount", "-t", "tmpfs", "-o", "mode=0755", "acts", ACTS];
    ensure!(lab.namespace.command(&mount).status()?.success(), "mount {ACTS}");
    install(&lab, "act", 0o755)?;
    Ok(Some(lab))
}

/// One more copy of the attacker's program, of root's, with this mode.
fn install(lab: &Lab, name: &str, mode: u32) -> Result<()> {
    let copy = lab.namespace.seen(ACTS).join(name);
    fs::copy(programs::built("gaggle-acts")?, &copy)?;
    Ok(fs::set_permissions(&copy, Permissions::from_mode(mode))?)
}

/// The shell command for an act: `act ...` is the attacker's program, which
/// says itself what became of it; of anything else its success tells.
fn command(act: &str) -> String {
    match act.strip_prefix("act ") {
        Some(words) => format!("{ACTS}/act {words}"),
        None => format!("if ( {act} ) >/dev/null 2>&1; then echo open; else echo held; fi"),
    }
}

/// Who can try something.
trait Actor {
    /// What a shell command prints, standard error included.
    fn shell(&mut self, command: &str) -> Result<String>;

    /// What becomes of each act: `open`, or `held` with or without the reason.
    fn try_all(&mut self, acts: &[&str]) -> Result<Vec<String>> {
        let script: Vec<String> = acts.iter().map(|act| command(act)).collect();
        let said = self.shell(&script.join("; "))?;
        let outcomes: Vec<String> = said.lines().map(str::to_owned).collect();
        ensure!(outcomes.len() == acts.len(), "{acts:?} say {said}");
        Ok(outcomes)
    }
}

/// An agent in its cage, reached as its person reaches it.
struct Agent<'lab>(Thread<'lab>);

impl<'lab> Agent<'lab> {
    /// A new thread's agent, up and running.
    fn of(lab: &'lab Lab, name: &str) -> Result<Self> {
        let thread = lab.ask(name, "hello")?;
        thread.answer()?;
        Ok(Self(thread))
    }
}

impl Actor for Agent<'_> {
    fn shell(&mut self, command: &str) -> Result<String> {
        self.0.then(&format!("run: {command}"))
    }
}

/// Somebody outside of the cage.
struct Outside<'lab> {
    lab: &'lab Lab,
    setpriv: Vec<String>,
}

impl<'lab> Outside<'lab> {
    /// Root.
    fn root(lab: &'lab Lab) -> Self {
        Self { lab, setpriv: Vec::new() }
    }

    /// A login of the person, in groups beside the own.
    fn login(lab: &'lab Lab, name: &str, groups: &[u32]) -> Result<Self> {
        let person = lab.person(name)?;
        let id = person.uid.to_string();
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        let groups = match &groups[..] {
            [] => "--clear-groups".to_owned(),
            some => format!("--groups={}", some.join(",")),
        };
        let home = format!("HOME=/home/{name}");
        let words = ["setpriv", "--reuid", &id, "--regid", &id, &groups, "--", "env", &home];
        Ok(Self { lab, setpriv: words.map(str::to_owned).into() })
    }

    /// A command of theirs, not yet started.
    fn command(&self, script: &str) -> std::process::Command {
        let mut words: Vec<&str> = self.setpriv.iter().map(String::as_str).collect();
        words.extend(["bash", "-c", script]);
        self.lab.namespace.command(&words)
    }
}

impl Actor for Outside<'_> {
    fn shell(&mut self, command: &str) -> Result<String> {
        let mut shell = self.command(&format!("exec 2>&1; {command}"));
        let output = shell.stdin(Stdio::null()).output().context("enter the lab")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

/// Each act is held for the agent and then open to the control.
fn held(agent: &mut Agent<'_>, control: &mut Outside<'_>, acts: &[(&str, String)]) -> Result<()> {
    let words: Vec<&str> = acts.iter().map(|(_, act)| act.as_str()).collect();
    let inside = agent.try_all(&words)?;
    for ((id, act), became) in acts.iter().zip(&inside) {
        assert!(became.starts_with("held"), "{id}: {act}: {became}");
    }
    let outside = control.try_all(&words)?;
    for ((id, act), became) in acts.iter().zip(&outside) {
        assert_eq!(became, "open", "{id}: the control of {act}");
    }
    Ok(())
}

/// A table's row.
fn row(id: &'static str, act: impl Into<String>) -> (&'static str, String) {
    (id, act.into())
}
