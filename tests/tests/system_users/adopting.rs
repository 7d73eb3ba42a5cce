//! Accounts that were there before, and who may share one.

use anyhow::{Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use serde_json::{Value, json};

use super::bench::{Bench, NOBODYS, Said};

/// An account `dora` that somebody else made, without an entry.
fn with_dora() -> Result<Option<Bench>> {
    Bench::new(Lab::builder().person("dora").entry("dora", Value::Null).without_frontend())
}

#[test]
fn adopting_takes_a_yes_that_knows_what_it_says() -> Result<()> {
    let Some(bench) = with_dora()? else { return Ok(()) };
    let id = bench.lab.person("dora")?.mattermost.id.to_string();
    let add = ["add", "dora", "--mattermost", "@dora"];
    bench.user(&add)?.expect(1, &["dora exists", "--adopt"])?;
    let adopt = [&add[..], &["--adopt"]].concat();
    bench.user(&adopt)?.expect(1, &["--yes", "run this on a terminal"])?;
    let line = "add dora --mattermost @dora --adopt";
    let no = bench.at_a_terminal(line, "n\n")?;
    no.expect(1, &["/home/dora/workspace", "sees nothing else", "Let it?", "nothing was changed"])?;
    ensure!(bench.entry(&id)?.is_none(), "it is mapped");
    ensure!(!bench.lab.namespace.seen("/home/dora/workspace").exists(), "a folder is made");
    let yes = bench.at_a_terminal(line, "yes\n")?;
    yes.expect(0, &["mapped to @dora", "can be served"])?;
    ensure!(yes.out.contains('\u{1b}'), "no colours at a terminal: {yes:?}");
    // What is agreed to is not asked again; more of the home is.
    bench.user(&adopt)?.expect(0, &["nothing to do"])?;
    let full = [&add[..], &["--profile", "full"]].concat();
    bench.user(&full)?.expect(1, &["EVERYTHING in /home/dora", "next login", "--yes"])?;
    ensure!(bench.entry(&id)? == Some(json!("dora")));
    bench.user(&[&full[..], &["--yes"]].concat())?.expect(0, &["workspace → full"])?;
    Ok(())
}

#[test]
fn accounts_that_the_supervisor_refuses_are_not_adopted() -> Result<()> {
    let Some(bench) = with_dora()? else { return Ok(()) };
    let before = bench.mapping()?;
    let add =
        |account: &str| bench.user(&["add", account, "--mattermost", "@carol", "--adopt", "--yes"]);
    bench.says(&["sh", "-c", "groupadd -g 27 sudo; usermod -g sudo dora"])?;
    for (account, why) in [
        ("root", "runs as root"),
        ("gaggle", "system account"),
        ("nobody", "system account"),
        ("alice", "already the account"),
        ("dora", "power of root"),
    ] {
        add(account)?.expect(1, &[why])?;
    }
    bench.says(&["usermod", "-g", "dora", "-e", "1", "dora"])?;
    add("dora")?.expect(1, &["expired", "chage -E -1 dora"])?;
    bench.says(&["usermod", "-e", "", "dora"])?;
    bench.says(&["chmod", "770", "/home/dora"])?;
    add("dora")?.expect(1, &["chmod go-w /home/dora"])?;
    ensure!(bench.mapping()? == before, "somebody is mapped");
    bench.says(&["chmod", "700", "/home/dora"])?;
    add("dora")?.expect(0, &["can be served"])?;
    Ok(())
}

#[test]
fn one_person_has_one_account_and_one_account_one_person() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let before = bench.mapping()?;
    let two = ["add", "carol", "--mattermost", "@alice", "--shared"];
    bench.user(&two)?.expect(1, &["one person has one account", "gaggle user remove"])?;
    ensure!(bench.says(&["getent", "passwd", "carol"])?.is_empty(), "the account was made");
    let also = ["add", "alice", "--mattermost", "@carol", "--yes"];
    bench.user(&also)?.expect(1, &["already the account of", "--shared"])?;
    ensure!(bench.mapping()? == before);
    let shared = bench.user(&[&also[..], &["--shared"]].concat())?;
    let too = format!("shared: false → true, for {} too", alice.mattermost.id);
    shared.expect(0, &[&too, "can be served"])?;
    let both = json!({"account": "alice", "shared": true});
    for id in [alice.mattermost.id, bench.carol.id] {
        ensure!(bench.entry(id.as_str())? == Some(both.clone()));
    }
    ensure!(bench.entry(bob.mattermost.id.as_str())? == Some(json!("bob")), "bob's is touched");
    Ok(())
}

#[test]
fn who_is_not_root_changes_nothing() -> Result<()> {
    let Some(bench) = with_dora()? else { return Ok(()) };
    let uid = bench.lab.person("dora")?.uid;
    let program = format!("{PROGRAMS}/gaggle");
    let before = bench.everything()?;
    for arguments in [
        &["add", "dora", "--mattermost", NOBODYS, "--offline", "--adopt", "--yes"][..],
        &["remove", "alice", "--yes"],
        &["show", "alice"],
    ] {
        let all = [&[&*program, "--config-dir", CONFIG, "user"], arguments].concat();
        let said: Said = bench.lab.namespace.run(uid, &all)?.into();
        said.expect(1, &["sudo"])?;
    }
    // And the part of it that gives up root is of no use to anybody else.
    let all = [&*program, "run-as", "0", "0", "/usr/bin/id"];
    let said: Said = bench.lab.namespace.run(uid, &all)?.into();
    ensure!(said.status == Some(1) && !said.out.contains("uid"), "{said:?}");
    ensure!(bench.everything()? == before);
    Ok(())
}
