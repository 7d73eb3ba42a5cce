//! The end: what stays when the package goes, and what must not.
//!
//! Trust: as in the module above.

use anyhow::{Context, Result, ensure};

use crate::snapshot::Snapshot;
use crate::stage::Stage;

/// Accounts stay, with what is theirs: a file that is still an account's must
/// not become somebody else's.
const STAYS: &[&str] = &[
    "/etc/group",
    "/etc/group-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/subgid",
    "/etc/subgid-",
    "/etc/subuid",
    "/etc/subuid-",
];
const HOMES: &str = "/home/";

pub(crate) fn removed_it_runs_no_more_and_keeps_its_configuration(stage: &mut Stage) -> Result<()> {
    stage.answers()?;
    stage.machine.run(&["apt-get", "remove", "--yes", "gaggle"])?;
    nobody_runs(stage)?;
    for kept in ["gaggle.toml", "mattermost-token", "goose.env", "user_mapping.json"] {
        let path = stage.machine.seen(&format!("/etc/gaggle/{kept}"));
        ensure!(path.exists(), "{kept} is gone though the package was not purged");
    }
    Ok(())
}

/// A line of a difference is about what is to stay.
pub(super) fn stays(line: &str) -> bool {
    let path = line.get(2..).unwrap_or_default();
    STAYS.contains(&path) || path.starts_with(HOMES)
}

/// No process of ours, in whatever unit.
fn nobody_runs(stage: &Stage) -> Result<()> {
    let all = stage.machine.run(&["ps", "-eo", "user:32,args"])?;
    let ours = |line: &&str| {
        let user = line.split_whitespace().next().unwrap_or_default();
        ["alice", "bob", "gaggle"].contains(&user) || line.contains("/usr/lib/gaggle/")
    };
    let left: Vec<_> = all.lines().filter(ours).collect();
    ensure!(left.is_empty(), "still running: {left:?}");
    Ok(())
}

pub(crate) fn l41_purged_nothing_of_it_is_left(stage: &mut Stage) -> Result<()> {
    stage.machine.run(&["apt-get", "purge", "--yes", "gaggle"])?;
    nobody_runs(stage)?;
    let before = stage.before.as_ref().context("looked at before")?;
    let now = Snapshot::of(&stage.machine.seen("/"))?;
    let mut left = before.difference(&now);
    left.retain(|line| !stays(line));
    ensure!(left.is_empty(), "not as before:\n{}", left.join("\n"));
    for name in ["alice", "bob"] {
        ensure!(stage.keepsake(name).exists(), "what {name} made is gone");
    }
    let units = stage.machine.run(&["systemctl", "list-units", "--all", "--plain", "gaggle*"])?;
    ensure!(units.contains("0 loaded units"), "systemd still knows {units}");
    Ok(())
}
