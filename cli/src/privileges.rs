//! Gives up root for good.
//!
//! Trust: nothing is believed to be gone before the kernel says so and going
//! back has failed.

use anyhow::{Context as _, ensure};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

/// `nobody`, on every distribution.
pub(crate) const NOBODY: u32 = 65534;

/// Becomes that user: no supplementary groups, no capabilities, no way back.
///
/// # Errors
/// If any of it is not so afterwards; then the process must end.
pub(crate) fn give_up(uid: u32, gid: u32) -> anyhow::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    prctl::set_no_new_privs().context("no_new_privs")?;
    // Nobody else's process of this uid may look into this one.
    prctl::set_dumpable(false).context("dumpable")?;
    // Groups first, while it is still allowed; the uid last.
    setgroups(&[]).context("giving up root's groups; this command needs root")?;
    setresgid(gid, gid, gid).context("giving up root's group")?;
    setresuid(uid, uid, uid).context("giving up root")?;
    verify(uid, gid)
}

fn verify(uid: Uid, gid: Gid) -> anyhow::Result<()> {
    let users = getresuid()?;
    let groups = getresgid()?;
    ensure!([users.real, users.effective, users.saved] == [uid; 3], "the user is not given up");
    ensure!([groups.real, groups.effective, groups.saved] == [gid; 3], "the group is not given up");
    ensure!(getgroups()?.is_empty(), "supplementary groups are not given up");
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    for set in ["CapPrm:", "CapEff:", "CapAmb:"] {
        let held = status.lines().find_map(|line| line.strip_prefix(set)).context(set)?;
        ensure!(held.trim().bytes().all(|digit| digit == b'0'), "capabilities are not given up");
    }
    let root = Uid::from_raw(0);
    ensure!(setresuid(root, root, root).is_err(), "root can be had back");
    Ok(())
}
