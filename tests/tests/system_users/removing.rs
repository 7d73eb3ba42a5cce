//! Agents that are taken away, and accounts that are deleted with them.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::wait::until;

use super::bench::Bench;

const DELETE: &[&str] = &["--delete-account", "--delete-home"];

#[test]
fn a_removed_person_is_served_no_more_and_keeps_what_is_theirs() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let id = lab.person("alice")?.mattermost.id.to_string();
    lab.answer("alice", "run: echo kept > file")?;
    ensure!(!lab.namespace.people_running("gaggle-worker").is_empty(), "no agent runs");
    let dry = bench.user(&["remove", "alice", "--dry-run"])?;
    dry.expect(0, &["remove the entry", "nothing was changed"])?;
    ensure!(bench.entry(&id)?.is_some(), "the dry run removed it");
    bench.user(&["remove", "@alice"])?.expect(0, &["done: stop its agent"])?;
    // The command waits for it.
    ensure!(lab.namespace.people_running("gaggle-worker").is_empty(), "her agent still runs");
    ensure!(bench.entry(&id)?.is_none());
    ensure!(!bench.says(&["getent", "passwd", "alice"])?.is_empty(), "her account is gone");
    let kept = fs::read_to_string(lab.namespace.seen("/home/alice/workspace/file"))?;
    ensure!(kept == "kept\n", "{kept}");
    for whom in ["alice", "@alice", &id] {
        bench.user(&["remove", whom])?.expect(0, &["nothing to do"])?;
    }
    Ok(())
}

#[test]
fn what_somebody_else_made_is_never_deleted() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let before = bench.everything()?;
    for flags in [&["--delete-account"][..], &["--delete-home"], DELETE] {
        let all = [&["remove", "alice", "--yes"], flags].concat();
        bench.user(&all)?.expect(1, &["was not made by gaggle user add"])?;
    }
    // Nor if it merely says that it was: it has a shell, so it may say anything.
    bench.says(&["usermod", "-c", "Gaggle agent", "-s", "/bin/sh", "alice"])?;
    let claimed = bench.user(&[&["remove", "alice", "--yes"], DELETE].concat())?;
    claimed.expect(1, &["was not made by gaggle user add"])?;
    ensure!(bench.mapping()?.len() == 2, "the entry is gone");
    let homes = |all: &std::collections::BTreeMap<String, String>| {
        all.iter().filter(|(path, _)| path.starts_with("/home")).count()
    };
    ensure!(homes(&bench.everything()?) == homes(&before), "something of a home is gone");
    Ok(())
}

#[test]
fn a_dedicated_account_is_deleted_whole_and_nothing_beside_it() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    bench.user(&["add", "carol", "--mattermost", "@carol"])?.expect(0, &["made"])?;
    // What an agent may leave: folders closed to itself, and ways out.
    let plant = "cd /home/carol/workspace; mkdir -p a/b; echo x >a/b/c; chmod 0 a/b; ln -s /home/alice out; \
                 ln -s /etc etc; mkfifo pipe; touch ./-rf 'a b'; chmod 500 a; \
                 n=$(printf '%0200d' 0); for i in $(seq 30); do mkdir $n; cd -P $n; done; mkdir -p c/d; chmod 0 c";
    let uid: u32 = bench.says(&["id", "-u", "carol"])?.parse()?;
    bench.lab.namespace.run(uid, &["sh", "-c", plant])?;
    let others = |path: &String| !path.starts_with("/home/carol");
    let homes = |bench: &Bench| -> Result<Vec<String>> {
        let all = bench.everything()?.into_keys();
        Ok(all.filter(|path| path.starts_with("/home")).filter(others).collect())
    };
    let before = homes(&bench)?;
    let remove = [&["remove", "carol"], DELETE].concat();
    bench.user(&remove)?.expect(1, &["needs a yes", "--yes"])?;
    ensure!(bench.entry(bench.carol.id.as_str())?.is_some(), "the entry is gone before a yes");
    let said = bench.user(&[&remove[..], &["--yes"]].concat())?;
    said.expect(0, &["delete /home/carol", "delete the account carol"])?;
    ensure!(!bench.lab.namespace.seen("/home/carol").exists(), "the home is there");
    for database in ["passwd", "shadow", "group"] {
        let left = bench.says(&["getent", database, "carol"])?;
        ensure!(left.is_empty(), "{left}");
    }
    ensure!(homes(&bench)? == before, "another home was touched");
    bench.user(&[&remove[..], &["--yes"]].concat())?.expect(0, &["nothing to do"])?;
    Ok(())
}

#[test]
fn an_account_without_its_home_leaves_that_to_root() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let add = ["add", "carol", "--mattermost", "@carol"];
    bench.user(&add)?.expect(0, &["made"])?;
    // A whole entry first: the account can be deleted later on.
    bench.user(&["remove", "@carol"])?.expect(0, &["remove the entry"])?;
    bench.user(&["show", "carol"])?.expect(1, &["not in the mapping", "--delete-account"])?;
    let said = bench.user(&["remove", "carol", "--delete-account", "--yes"])?;
    said.expect(0, &["give /home/carol to root", "delete the account carol"])?;
    let about = bench.says(&["stat", "-c", "%U %G %a", "/home/carol"])?;
    ensure!(about == "root root 700", "the next one with this uid has it: {about}");
    bench.user(&add)?.expect(1, &["/home/carol exists already and belongs to uid 0"])?;
    Ok(())
}

#[test]
fn a_link_or_somebody_elses_folder_is_not_given_to_root() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    bench.user(&["add", "carol", "--mattermost", "@carol"])?.expect(0, &["made"])?;
    let remove = ["remove", "carol", "--delete-account", "--yes"];
    bench.says(&["sh", "-c", "mv /home/carol /srv/carol && ln -s /srv/carol /home/carol"])?;
    bench.user(&remove)?.expect(1, &["/home/carol", "carol stays"])?;
    bench.says(&["usermod", "--home", "/home/alice", "carol"])?;
    bench.user(&remove)?.expect(1, &["it belongs to uid", "carol stays"])?;
    let owners = bench.says(&["stat", "-c", "%U", "/srv/carol", "/home/alice"])?;
    ensure!(owners == "carol\nalice", "{owners}");
    ensure!(!bench.says(&["getent", "passwd", "carol"])?.is_empty(), "the account is gone");
    Ok(())
}

#[test]
fn what_a_killed_command_left_running_is_stopped_by_the_next() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    lab.answer("alice", "run: echo here")?;
    ensure!(!lab.namespace.people_running("gaggle-worker").is_empty(), "no agent runs");
    // The entry was removed, and the supervisor not told.
    fs::write(lab.namespace.seen(CONFIG).join("user_mapping.json"), "{}")?;
    bench.user(&["remove", "alice"])?.expect(0, &["nothing to do"])?;
    let gone = || lab.namespace.people_running("gaggle-worker").is_empty().then_some(());
    ensure!(until(Duration::from_secs(20), gone).is_some(), "her agent still runs");
    Ok(())
}

#[test]
fn an_account_that_others_use_is_not_deleted() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let dora = bench.lab.simulator.create_user("dora")?;
    bench.user(&["add", "team", "--mattermost", "@carol"])?.expect(0, &["made"])?;
    let second = ["add", "team", "--mattermost", "@dora", "--shared"];
    bench.user(&second)?.expect(0, &["mapped to @dora"])?;
    bench.user(&["remove", "team"])?.expect(1, &["several people", dora.id.as_str()])?;
    let all = [&["remove", "@dora", "--yes"], DELETE].concat();
    bench.user(&all)?.expect(1, &["not left to a name"])?;
    let all = [&["remove", dora.id.as_str(), "--yes"], DELETE].concat();
    bench.user(&all)?.expect(1, &["also the account of", bench.carol.id.as_str()])?;
    ensure!(bench.entry(dora.id.as_str())?.is_some(), "half of it was done");
    bench.user(&["remove", "@dora"])?.expect(0, &[])?;
    bench
        .user(&[&["remove", "team", "--yes"], DELETE].concat())?
        .expect(0, &["delete the account"])?;
    Ok(())
}
