//! What the frontend's account can reach beside its sockets.
//!
//! Trust: the kernel's rules for processes and files.

use std::fs;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::probe::Probe;
use gaggle_tests::lab::spec::{FRONTEND_UID, STATE};
use gaggle_tests::lab::{Lab, Which};

use super::lab;
use crate::local::outsider::{held, looks};

#[test]
fn f20_the_memory_of_the_supervisor_is_out_of_reach() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let supervisor = lab.service(Which::Supervisor)?.pid();
    held(&lab, FRONTEND_UID, 0, &looks("F20", supervisor)?)
}

#[test]
fn f21_the_socket_and_its_folder_cannot_be_replaced() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let socket = "/run/gaggle/control.sock";
    let acts = [
        format!("mv {socket} {socket}.old && mv {socket}.old {socket}"),
        "touch /run/gaggle/x && rm /run/gaggle/x".to_owned(),
        "mv /run/gaggle /run/old && mv /run/old /run/gaggle".to_owned(),
        format!("ln {socket} /run/gaggle/y && rm /run/gaggle/y"),
        format!("chmod 600 {socket} && chmod 660 {socket}"),
        "test -w /run/gaggle".to_owned(),
    ];
    let acts: Vec<_> = acts.into_iter().map(|act| ("F21", act)).collect();
    held(&lab, FRONTEND_UID, 0, &acts)?;
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn f38_a_workers_cgroup_and_processes_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    probe.worker_of(&lab.person("alice")?)?;
    let worker = *lab.namespace.people_running("gaggle-worker").first().context("a worker")?;
    let tree = lab.namespace.cgroup().join("workers/w1");
    let tree = tree.display();
    let mut acts = looks("F38", worker)?;
    acts.extend(
        [
            format!("echo 0 > {tree}/cgroup.procs"),
            format!("mkdir {tree}/x && rmdir {tree}/x"),
            format!("echo 0 > {tree}/cgroup.freeze"),
            format!("echo 5 > {tree}/cgroup.max.depth"),
            format!("echo 100 > /proc/{worker}/oom_score_adj"),
            format!("echo 0 > /proc/{worker}/coredump_filter"),
            format!("kill -0 {worker}"),
            // The last: it is the end of the worker.
            format!("echo 1 > {tree}/cgroup.kill"),
        ]
        .map(|act| ("F38", act)),
    );
    held(&lab, FRONTEND_UID, 0, &acts)?;
    assert!(probe.receive()?.starts_with("Exited"), "the control did end it");
    Ok(())
}

#[test]
fn f43_no_word_of_a_conversation_is_in_the_state_folder() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "run: echo canary-in-$((40 + 2)) # canary-asked")?;
    assert_eq!(thread.answer()?, "canary-in-42");
    assert!(thread.then("!!reply | canary-said")?.contains("canary-said"));
    let root = thread.root().to_string();
    lab.service(Which::Frontend)?.stop()?;
    let state = lab.namespace.seen(STATE);
    let found = |word: &str| -> Result<bool> {
        let mut found = false;
        for entry in fs::read_dir(&state)? {
            let content = fs::read(entry?.path())?;
            found |= content.windows(word.len()).any(|window| window == word.as_bytes());
        }
        Ok(found)
    };
    for word in ["canary-asked", "canary-in-42", "canary-said"] {
        assert!(!found(word)?, "{word} is kept in {STATE}");
    }
    // The control: which post was answered is kept there, and this finds it.
    assert!(found(&root)?, "the search finds nothing at all");
    Ok(())
}
