//! Accounts that change under a supervisor that runs: who they were when the
//! mapping was read decides.

use anyhow::{Result, ensure};
use gaggle_tests::lab::{Lab, Which};

use super::account_files::{change, set};
use super::bench::{Bench, SOON};
use super::frontend::Frontend;

/// Fields of passwd and shadow.
const UID: usize = 2;
const GID: usize = 3;
const HOME: usize = 5;
const SHELL: usize = 6;
const PASSWORD: usize = 1;
const EXPIRES: usize = 7;

#[test]
fn l14_a_name_that_was_given_to_somebody_else() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &mut bench.lab;
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let (id, mut frontend) = (alice.mattermost.id, Frontend::of(lab)?);
    let other = (alice.uid + 10).to_string();
    for (what, field, value) in
        [("uid", UID, &*other), ("gid", GID, &*other), ("home", HOME, "/home/bob")]
    {
        let before = std::fs::read(lab.namespace.seen("/etc/passwd"))?;
        set(lab, "passwd", "alice", field, value)?;
        let answer = frontend.start(id)?;
        ensure!(answer.contains("AccountChanged"), "another {what}: {answer}");
        std::fs::write(lab.namespace.seen("/etc/passwd"), before)?;
    }
    // Gone, and her number is somebody else's. A new supervisor, as one that
    // saw many failures would have her wait.
    lab.kill_and_restart(Which::Supervisor)?;
    frontend = Frontend::of(lab)?;
    change(lab, "passwd", "alice", Vec::clear)?;
    set(lab, "passwd", "bob", UID, &alice.uid.to_string())?;
    ensure!(frontend.start(id)?.contains("AccountUnknown"));
    ensure!(frontend.start(bob.mattermost.id)?.contains("AccountChanged"));
    Ok(())
}

#[test]
fn l14_a_worker_under_a_number_that_is_no_longer_the_accounts_is_stopped() -> Result<()> {
    for field in [Some(UID), None] {
        let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
        let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
        let mut frontend = Frontend::of(&bench.lab)?;
        for person in [&alice, &bob] {
            ensure!(frontend.start(person.mattermost.id)?.starts_with("Started"));
        }
        match field {
            Some(field) => {
                set(&bench.lab, "passwd", "alice", field, &(alice.uid + 10).to_string())?
            }
            None => change(&bench.lab, "passwd", "alice", Vec::clear)?,
        }
        bench.reload()?;
        bench.lab.record("worker_exited", SOON, |record| {
            record.field("GAGGLE_USER") == alice.mattermost.id.as_str()
                && record.field("GAGGLE_REASON").contains("mapping_changed")
        })?;
        ensure!(bench.records("worker_exited")?.len() == 1, "bob is concerned too");
    }
    Ok(())
}

#[test]
fn c21_c22_expiry_switches_an_account_off_and_a_missing_login_does_not() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().person("carol"))? else { return Ok(()) };
    let lab = &bench.lab;
    let mut frontend = Frontend::of(lab)?;
    // No password and no shell is how a dedicated account is made.
    set(lab, "shadow", "alice", PASSWORD, "!*")?;
    set(lab, "passwd", "alice", SHELL, "/usr/sbin/nologin")?;
    ensure!(frontend.start(lab.person("alice")?.mattermost.id)?.starts_with("Started"));
    set(lab, "shadow", "bob", EXPIRES, "99999")?;
    ensure!(frontend.start(lab.person("bob")?.mattermost.id)?.starts_with("Started"));
    let carol = lab.person("carol")?.mattermost.id;
    for day in ["0", "20000"] {
        set(lab, "shadow", "carol", EXPIRES, day)?;
        let answer = frontend.start(carol)?;
        ensure!(answer.contains("AccountExpired"), "day {day}: {answer}");
    }
    set(lab, "shadow", "carol", EXPIRES, "")?;
    ensure!(frontend.start(carol)?.starts_with("Started"));
    Ok(())
}

#[test]
fn c16_the_frontends_own_account_is_nobodys_agent() -> Result<()> {
    let builder = Lab::builder().supervisor("frontend_user = \"bob\"");
    let Some(mut bench) = Bench::new(builder)? else { return Ok(()) };
    let refused = bench.records("entry_refused")?;
    ensure!(refused.len() == 1, "{refused:?}");
    for record in refused {
        ensure!(record.field("GAGGLE_ACCOUNT") == "bob");
        ensure!(record.field("GAGGLE_REASON").contains("the frontend's own account"));
    }
    // The control: with the usual frontend it is an account like others.
    std::fs::write(bench.config().join("supervisor.toml"), "")?;
    bench.reload()?;
    ensure!(bench.records("entry_refused")?.len() == 1, "{}", bench.lab.logs());
    Ok(())
}
