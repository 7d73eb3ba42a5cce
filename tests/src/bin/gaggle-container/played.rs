//! A part of the service played by an attacker: the unit as it is installed,
//! with another program in it.
//!
//! Trust: none; the program does what a taken-over part would try.

use anyhow::{Result, ensure};

use crate::stage::{FRONTEND, Stage};

/// The attacker's program, out of everybody's way.
pub(crate) const ACTS: &str = "/usr/local/lib/gaggle-acts";
const UNIT: &str = "played.service";
/// What it says; the service manager opens the file.
const SAID: &str = "/run/played";
/// What belongs to the part's place among the units, and to its real program.
const NOT_PLAYED: &[&str] = &[
    "ExecStart=",
    "ExecReload=",
    "NotifyAccess=",
    "Restart",
    "RuntimeDirectory",
    "Sockets=",
    "Type=",
    "WatchdogSec=",
];

/// What the act says when the program in the place of `part`'s does it, with
/// `more` lines in the unit.
///
/// # Errors
/// The unit cannot be started.
pub(crate) fn act(stage: &Stage, part: &str, more: &[&str], words: &[&str]) -> Result<String> {
    let program = if part == FRONTEND { "gaggle-frontend" } else { "gaggle-supervisor" };
    let program = format!("/usr/lib/gaggle/{program}");
    let text = stage.machine.run(&["systemctl", "cat", part])?;
    // What stands in [Unit] is about the other parts.
    let service: Vec<_> = text
        .lines()
        .skip_while(|line| *line != "[Service]")
        .filter(|line| !NOT_PLAYED.iter().any(|key| line.starts_with(key)))
        .collect();
    let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let unit = format!(
        "{}\nType=oneshot\nStandardOutput=truncate:{SAID}\nBindReadOnlyPaths={ACTS}:{program}\nExecStart={program} {}\n{}\n",
        service.join("\n"),
        words.join(" "),
        more.join("\n")
    );
    stage.machine.write(&format!("/etc/systemd/system/{UNIT}"), 0o644, &unit)?;
    let run = format!(
        "systemctl daemon-reload
         systemctl start {UNIT} || {{ journalctl --no-pager -u {UNIT} -n 20 >&2; exit 1; }}
         cat {SAID}; rm {SAID} /etc/systemd/system/{UNIT}"
    );
    let said = stage.machine.sh(&run)?;
    ensure!(!said.is_empty(), "the attacker said nothing; the unit was {unit}");
    Ok(said)
}

/// The act is refused in the part's unit, and works with `off` in it.
///
/// # Errors
/// It is not so.
pub(crate) fn is_held(stage: &Stage, part: &str, off: &[&str], words: &[&str]) -> Result<()> {
    let said = act(stage, part, &[], words)?;
    ensure!(said.starts_with("held "), "{words:?} in {part}: {said}");
    let control = act(stage, part, off, words)?;
    ensure!(control == "open", "the control of {words:?} with {off:?}: {control}");
    Ok(())
}
