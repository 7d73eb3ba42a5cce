//! What can be learned about conversations from what everybody, or every
//! member of `adm`, can read: command lines, `/proc`, cgroups, the journal.
//!
//! Trust: none in the readers.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{Lab, Which, wait};
use nix::sys::signal::Signal;

use super::{SOON, ours};

const KEY: &str = "sk-canary-of-the-provider";

/// Gives alice a provider key of her own.
fn provide_a_key(lab: &mut Lab) -> Result<()> {
    let folder = lab.namespace.seen(CONFIG).join("accounts");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    let file = folder.join("alice.env");
    fs::write(&file, format!("OPENAI_API_KEY={KEY}\n"))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    let loaded =
        |lab: &Lab| lab.namespace.records().iter().filter(|r| r.is("configuration_loaded")).count();
    let before = loaded(lab);
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    wait::until(SOON, || (loaded(lab) > before).then_some(())).context("no reload")
}

#[test]
fn l07_no_prompt_token_or_key_stands_in_a_command_line() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    provide_a_key(&mut lab)?;
    let processes = ours(&mut lab)?;
    let bob = lab.person("bob")?.uid;
    let asked = "canary-asked\nrun: until test -e go; do sleep 0.1; done; echo went";
    let thread = lab.ask("alice", asked)?;
    wait::until(SOON, || lab.namespace.people_running("sleep").first().copied())
        .context("a turn")?;
    let token = lab.bot.token.clone();
    for process in &processes {
        let file = format!("/proc/{}/cmdline", process.pid);
        let line = lab.namespace.run(bob, &["cat", &file])?;
        let line = String::from_utf8_lossy(&line.stdout).into_owned();
        // The control: he does read it.
        let name = process.what.trim_start_matches("gaggle-");
        assert!(line.contains(name), "{}: {line}", process.what);
        for secret in ["canary-asked", KEY, &token] {
            assert!(!line.contains(secret), "{}: {line}", process.what);
        }
    }
    // The control: Goose does have the key, where bob does not see it.
    let goose = fs::read(format!("/proc/{}/environ", processes[3].pid))?;
    assert!(String::from_utf8_lossy(&goose).contains(KEY));
    let alice = lab.person("alice")?.uid;
    lab.namespace.run(alice, &["touch", "/home/alice/workspace/go"])?;
    assert!(thread.answer()?.contains("went"));
    Ok(())
}

#[test]
fn l08_no_word_of_a_conversation_is_in_the_journal() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let asked = "canary-asked\nrun: echo canary-in-$((40 + 2)); echo canary-err >&2";
    assert!(lab.answer("alice", asked)?.contains("canary-in-42"));
    // A turn that fails says more in logs than one that does not.
    for script in [
        "canary-asked !!error code=500 | canary-said",
        "canary-asked !!badtool | canary-said",
        "canary-asked !!badargs | canary-said",
        "canary-asked !!garbage",
    ] {
        lab.answer("alice", script)?;
    }
    lab.ask("bob", "canary-asked\nrun: echo canary-in-$((40 + 2)); kill -9 $PPID")?.answer()?;
    let logs = lab.service(Which::Supervisor)?.log() + &lab.service(Which::Frontend)?.log();
    let records = lab.namespace.records();
    for record in &records {
        for (name, value) in &record.fields {
            assert!(!value.contains("canary"), "uid {} says {name}={value}", record.uid);
        }
    }
    assert!(!logs.contains("canary"), "{logs}");
    // The control: the turns did leave records, of the frontend too.
    let of = |uid: u32| records.iter().filter(|record| record.uid == uid).count();
    assert!(of(0) > 0 && of(gaggle_tests::lab::spec::FRONTEND_UID) > 0, "{}", lab.logs());
    Ok(())
}

#[test]
fn l31_l32_proc_and_cgroups_tell_an_account_and_no_person() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let processes = ours(&mut lab)?;
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?.uid);
    let id = alice.mattermost.id.to_string();
    let search = |word: &str, place: &str| -> Result<String> {
        let output =
            lab.namespace.run(bob, &["timeout", "20", "grep", "-rslF", "-e", word, place])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for process in &processes {
        let place = format!("/proc/{}", process.pid);
        assert_eq!(search(&id, &place)?, "", "{}", process.what);
        // The control: by the same search everybody sees that it is there.
        let name = process.what.trim_start_matches("gaggle-");
        assert!(search(name, &place)?.contains("cmdline"), "{}", process.what);
    }
    let tree = lab.namespace.cgroup().to_string_lossy().into_owned();
    for (uid, below) in [(bob, "/workers/w1"), (0, "/workers/w1/worker/cgroup.procs")] {
        let names = lab.namespace.run(uid, &["find", &tree])?;
        let names = String::from_utf8_lossy(&names.stdout).into_owned();
        assert!(names.contains(below), "the control: uid {uid} sees the tree: {names}");
        assert!(!names.contains(&id) && !names.contains("alice"), "{names}");
    }
    // The id is the one that root knows her by.
    lab.record("worker_started", SOON, |record| record.field("GAGGLE_USER") == id)?;
    Ok(())
}
