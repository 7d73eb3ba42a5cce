//! A worker cannot get back what root took from it, and reaches nobody else.
//!
//! Trust: none in the worker. Acts are tables: each is held for the worker, and
//! open to somebody who may.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::{Lab, Which, programs};

use super::{hostile, order, rouse, run, said_with};

/// Where an attacker's programs lie, on a file system that honours set-uid bits.
const ACTS: &str = "/srv/gaggle/lib/acts";

fn armed() -> Result<Option<Lab>> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(None) };
    fs::create_dir(lab.namespace.seen(ACTS))?;
    let mount = ["mount", "-t", "tmpfs", "-o", "mode=0755", "acts", ACTS];
    ensure!(lab.namespace.command(&mount).status()?.success(), "mount {ACTS}");
    for (name, mode) in [("act", 0o755), ("suid", 0o4755), ("capable", 0o755)] {
        let copy = lab.namespace.seen(ACTS).join(name);
        fs::copy(programs::built("gaggle-acts")?, &copy)?;
        fs::set_permissions(&copy, Permissions::from_mode(mode))?;
    }
    let grant =
        [&format!("{ACTS}/act"), "grant", &format!("{ACTS}/capable")].map(ToString::to_string);
    let grant = grant.each_ref().map(String::as_str);
    ensure!(lab.namespace.command(&grant).status()?.success(), "give a program capabilities");
    Ok(Some(lab))
}

/// A row's id and an act: `act ...`, `suid ...` or `capable ...` is a program
/// that says itself what became of it; of anything else its success tells.
type Act = (&'static str, String);

fn act(id: &'static str, words: impl Into<String>) -> Act {
    (id, words.into())
}

fn script(acts: &[Act]) -> String {
    let command = |(_, act): &Act| match act.split_once(' ') {
        Some(("act", _)) => format!("{ACTS}/{act}"),
        // What may gain rights may not be executed at all.
        Some(("suid" | "capable", _)) => succeeds(&format!("{ACTS}/{act} | grep -qx open")),
        _ => succeeds(act),
    };
    acts.iter().map(command).collect::<Vec<_>>().join("; ")
}

fn succeeds(command: &str) -> String {
    format!("if ( {command} ) >/dev/null 2>&1; then echo open; else echo held; fi")
}

fn became(acts: &[Act], said: &str, wanted: &str) -> Result<()> {
    let outcomes: Vec<_> = said.lines().collect();
    ensure!(outcomes.len() == acts.len(), "{acts:?} say {said}");
    for ((id, act), outcome) in acts.iter().zip(outcomes) {
        assert!(outcome.starts_with(wanted), "{id}: {act}: {outcome}, not {wanted}");
    }
    Ok(())
}

/// Each act is held for alice's worker, and open to who `setpriv` becomes with
/// these words.
fn held(lab: &Lab, acts: &[Act], control: &[&str]) -> Result<()> {
    became(acts, &run(lab, "alice", &script(acts))?, "held")?;
    control_of(lab, acts, control)
}

fn control_of(lab: &Lab, acts: &[Act], control: &[&str]) -> Result<()> {
    let script = script(acts);
    let words = [&["setpriv"], control, &["bash", "-c", &script]].concat();
    let output = lab.namespace.command(&words).output()?;
    became(acts, &String::from_utf8_lossy(&output.stdout), "open").context("the control")
}

/// Root as it is.
const ROOT: &[&str] = &["--no-new-privs"];

#[test]
fn w13_the_change_of_ids_cannot_be_undone() -> Result<()> {
    let Some(lab) = armed()? else { return Ok(()) };
    let bob = lab.person("bob")?.uid;
    let acts = [
        act("W13", "act become-root"),
        act("W13", "setpriv --reuid 0 true"),
        act("W13", format!("setpriv --ruid {bob} true")),
        act("W13", format!("setpriv --euid {bob} true")),
        act("W13", format!("setpriv --reuid {bob} --regid {bob} --clear-groups true")),
        act("W13", "setpriv --groups 0,42 true"),
        act("W13", "setpriv --regid 0 --clear-groups true"),
    ];
    held(&lab, &acts, ROOT)
}

#[test]
fn w14_no_capability_comes_back() -> Result<()> {
    let Some(lab) = armed()? else { return Ok(()) };
    let acts = [act("W14", "suid read /etc/shadow"), act("W14", "capable read /etc/shadow")];
    became(&acts, &run(&lab, "alice", &script(&acts))?, "held")?;
    // The control: a login of bob's, without the no-new-privs that all have here.
    let bob = lab.person("bob")?.uid.to_string();
    control_of(&lab, &acts, &["--reuid", &bob, "--regid", &bob, "--clear-groups"])
}

#[test]
fn w14_w15_sets_are_empty_and_what_is_locked_stays_locked() -> Result<()> {
    let Some(lab) = armed()? else { return Ok(()) };
    let acts = [
        act("W14", "setpriv --inh-caps +chown true"),
        act("W14", "setpriv --inh-caps +chown --ambient-caps +chown true"),
        act("W14", "setpriv --securebits=-noroot_locked,-noroot true"),
        act(
            "W14",
            "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' /proc/self/status | grep -v '0000000000000000$'",
        ),
        act("W15", "grep -q '^NoNewPrivs:.*0' /proc/self/status"),
        act("W15", "env -i setsid bash -c \"grep -q '^NoNewPrivs:.*0' /proc/self/status\""),
    ];
    held(&lab, &acts, &["--clear-groups"])
}

#[test]
fn w15_w16_no_program_leads_out_of_a_domain() -> Result<()> {
    // The worker enters its domain itself; the agent's is the same mechanism,
    // nested in it, and there is more to gain by leaving it.
    let Some(lab) = armed()? else { return Ok(()) };
    let diary = lab.namespace.seen("/home/alice/diary");
    fs::write(&diary, "private\n")?;
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    let ways = ["", "env -i ", "setsid -w ", "nohup ", "bash -c 'exec \"$@\"' x "];
    for way in ways {
        let reach = |path: &str| format!("run: {way}/bin/cat {path} 2>/dev/null | wc -c");
        assert_eq!(thread.then(&reach("/home/alice/diary"))?, "0", "W16: {way}");
        assert_ne!(thread.then(&reach("/etc/passwd"))?, "0", "W16: {way} reads nothing at all");
    }
    for program in ["gaggle-worker unsupervised", "gaggle-worker exec-agent unsupervised auto - -"]
    {
        let said = thread.then(&format!(
            "run: /srv/gaggle/lib/real/{program} </dev/null 2>&1; cat ~/diary 2>&1"
        ))?;
        assert!(!said.contains("private"), "W15: {program}: {said}");
    }
    let control = lab.namespace.run(lab.person("alice")?.uid, &["cat", "/home/alice/diary"])?;
    assert_eq!(control.stdout, b"private\n", "W16: the control");
    Ok(())
}

#[test]
fn w17_w21_w22_the_services_and_other_peoples_workers_are_out_of_reach() -> Result<()> {
    let Some(mut lab) = armed()? else { return Ok(()) };
    lab.answer("bob", "hello")?;
    let bobs = *lab.namespace.people_running("gaggle-worker").first().context("bob's worker")?;
    let services =
        [Which::Supervisor, Which::Frontend].map(|which| lab.service(which).map(|s| s.pid()));
    let [supervisor, frontend] = services;
    let mut acts = vec![
        act("W17", "act connect-packet /run/gaggle/control.sock"),
        act("W17", "act connect-packet /run/gaggle/admin.sock"),
    ];
    for pid in [supervisor?, frontend?, bobs] {
        acts.push(act("W21", format!("act signal {pid} SIGCONT")));
        for look in ["trace", "read-memory", "open-memory"] {
            acts.push(act("W22", format!("act {look} {pid}")));
        }
        acts.push(act("W22", format!("act take-descriptor {pid} 0")));
        acts.push(act("W22", format!("cat /proc/{pid}/environ")));
    }
    held(&lab, &acts, ROOT)?;
    // Without the private /run the socket's own mode is what stands in the way.
    let alice = lab.person("alice")?.uid;
    let connect = [&format!("{ACTS}/act"), "connect-packet", "/run/gaggle/control.sock"];
    let said = lab.namespace.run(alice, &connect.map(|word| word as &str))?;
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "held EACCES", "W17");
    assert_eq!(lab.answer("bob", "run: echo unharmed")?, "unharmed");
    Ok(())
}

#[test]
fn w31_of_its_cgroup_a_worker_has_what_it_was_given() -> Result<()> {
    let Some(lab) = armed()? else { return Ok(()) };
    lab.answer("bob", "hello")?;
    let tree = lab.namespace.cgroup().join("workers");
    let bobs = fs::read_dir(&tree)?.flatten().find(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    let bobs = bobs.context("bob's cgroup")?.path();
    let (tree, bobs) = (tree.display(), bobs.display());
    // Her worker may walk there by its descriptor; the files are root's.
    let own = "cd /proc/$PPID/fd/4 && cd -P .";
    let files = ["cgroup.max.depth", "cgroup.max.descendants", "memory.max", "pids.max", "cpu.max"];
    let mut script: String = files
        .iter()
        .map(|file| format!("test -e {file} && (: > {file}) 2>/dev/null && echo open {file}; "))
        .collect();
    for file in [
        "cgroup.kill",
        "cgroup.freeze",
        "../cgroup.procs",
        "../cgroup.kill",
        "../../services/cgroup.procs",
    ] {
        script += &format!("(: > {file}) 2>/dev/null && echo open {file}; ");
    }
    script += &format!(
        "for f in kill freeze procs; do (: > {bobs}/cgroup.$f) 2>/dev/null && echo open his $f; done; "
    );
    script += "mkdir ../mine 2>/dev/null && echo open mkdir; mkdir leaf && rmdir leaf && echo fine; (: > cgroup.procs) && echo writable";
    let said = run(&lab, "alice", &format!("{own}; {script}"))?;
    assert!(!said.contains("open"), "W31: {said}");
    // The control: what was delegated works, and root may write the rest.
    assert!(said.contains("fine") && said.contains("writable"), "W31: the control: {said}");
    for file in [
        format!("{bobs}/cgroup.procs"),
        format!("{bobs}/cgroup.kill"),
        format!("{tree}/cgroup.procs"),
    ] {
        fs::OpenOptions::new().write(true).open(&file).with_context(|| file.clone())?;
    }
    Ok(())
}

/// Where a program of ours might be expected to look for another.
const SNARES: &[&str] = &[
    "gaggle",
    "gaggle-mcp",
    "gaggle-worker",
    "gaggle/control.sock",
    "/run/gaggle/control.sock",
    "/run/systemd/notify",
];

#[test]
fn w44_nobody_comes_to_a_place_that_a_worker_has_made() -> Result<()> {
    let Some(lab) = armed()? else { return Ok(()) };
    let lay: Vec<_> = SNARES.iter().map(|place| format!("lay {place}")).collect();
    let wait = |file: &str| format!("sh until test -e ~/{file}; do sleep 0.1; done");
    let (first, second) = (wait("first"), wait("second"));
    let verbs =
        format!("hello / {} / {first} / visits / {second} / visits / sleep", lay.join(" / "));
    order(&lab, "alice", &verbs)?;
    rouse(&lab, "alice")?;
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    let home = lab.namespace.seen("/home/alice");
    fs::write(home.join("first"), "")?;
    let count = format!("of {}\n", SNARES.len());
    assert_eq!(said_with(&lab, "alice", "of ")?, count, "somebody came");
    // The control: whoever is lured there does come.
    let bob = lab.person("bob")?.uid;
    let lured = lab.namespace.run(bob, &[&format!("{ACTS}/act"), "connect-abstract", "gaggle"])?;
    assert_eq!(lured.stdout, b"open\n");
    fs::write(home.join("second"), "")?;
    said_with(&lab, "alice", "visited gaggle\n")?;
    Ok(())
}
