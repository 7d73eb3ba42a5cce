//! Somebody outside of all cages who tries something, and somebody who may.
//!
//! Trust: none in the first; the second is the control.

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::{Lab, programs};

/// A row's id and a shell command whose success is the attack's.
pub(crate) type Act = (&'static str, String);

/// What a debugger would begin with, and what `/proc` tells of a process.
pub(crate) fn looks(id: &'static str, pid: i32) -> Result<Vec<Act>> {
    let acts = programs::built("gaggle-acts")?;
    let acts = acts.to_str().context("a readable path")?;
    let mut all: Vec<Act> = ["trace", "read-memory", "open-memory", "take-descriptor"]
        .into_iter()
        .map(|act| {
            let more = if act == "take-descriptor" { " 0" } else { "" };
            (id, format!("{acts} {act} {pid}{more} | grep -qx open"))
        })
        .collect();
    all.extend(
        [
            "cat PID/environ",
            "ls PID/fd/",
            "cat PID/maps",
            "ls PID/root/",
            "ls PID/cwd/",
            "readlink PID/exe",
        ]
        .map(|look| (id, look.replace("PID", &format!("/proc/{pid}")))),
    );
    Ok(all)
}

/// What becomes of each act when `uid` tries it.
pub(crate) fn outcomes(lab: &Lab, uid: u32, acts: &[Act]) -> Result<Vec<bool>> {
    let script: String = acts
        .iter()
        .map(|(_, act)| {
            format!("if ( {act} ) >/dev/null 2>&1 </dev/null; then echo open; else echo held; fi\n")
        })
        .collect();
    let output = lab.namespace.run(uid, &["bash", "-c", &script])?;
    let said = String::from_utf8_lossy(&output.stdout);
    let outcomes: Vec<bool> = said.lines().map(|line| line == "open").collect();
    ensure!(outcomes.len() == acts.len(), "{acts:?} say {said}");
    Ok(outcomes)
}

/// Each act is held for `attacker` and then open to `control`.
pub(crate) fn held(lab: &Lab, attacker: u32, control: u32, acts: &[Act]) -> Result<()> {
    for ((id, act), open) in acts.iter().zip(outcomes(lab, attacker, acts)?) {
        assert!(!open, "{id}: uid {attacker} may: {act}");
    }
    for ((id, act), open) in acts.iter().zip(outcomes(lab, control, acts)?) {
        assert!(open, "{id}: the control, uid {control}, may not: {act}");
    }
    Ok(())
}
