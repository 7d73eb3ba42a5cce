//! The admin's command, run by root where others have prepared the ground.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::{Map, Value};

use super::account_files::add;
use super::bench::{Bench, SOON};
use super::meanwhile::meanwhile;

const ID: &str = "carolcarolcarolcarolcarol1";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn gaggle(lab: &Lab, uid: u32, arguments: &[&str]) -> Result<Output> {
    let program = format!("{PROGRAMS}/gaggle");
    // What hangs fails.
    let all = [&["timeout", "60", &program, "--config-dir", CONFIG], arguments].concat();
    lab.namespace.run(uid, &all)
}

fn adopt(lab: &Lab, account: &str, id: &str) -> Result<Output> {
    gaggle(lab, 0, &["user", "add", account, "--adopt", "--mattermost", id])
}

/// The ids in the mapping, which must be whole.
fn mapped(lab: &Lab) -> Result<BTreeSet<String>> {
    let text = fs::read(lab.namespace.seen(CONFIG).join("user_mapping.json"))?;
    let mapping: Map<String, Value> = serde_json::from_slice(&text).context("half a mapping")?;
    Ok(mapping.into_iter().map(|(id, _)| id).collect())
}

/// An account with a proper home.
fn account(lab: &Lab, name: &str, uid: u32) -> Result<()> {
    let home = lab.namespace.seen("/home").join(name);
    fs::create_dir(&home)?;
    chown(home, Some(uid), Some(uid))?;
    add(lab, name, uid, uid, &format!("/home/{name}"))
}

#[test]
fn c44_many_admins_at_once_lose_no_entry() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let first = lab.person("alice")?.uid + 2;
    let all: Vec<_> = (first..first + 12).map(|uid| (format!("p{uid}"), uid)).collect();
    for (name, uid) in &all {
        account(lab, name, *uid)?;
    }
    std::thread::scope(|scope| {
        let add = |(name, uid): &(String, u32)| adopt(lab, name, &format!("{uid:a>26}"));
        let admins: Vec<_> = all.iter().map(|each| scope.spawn(move || add(each))).collect();
        for admin in admins {
            let output = admin.join().unwrap()?;
            ensure!(output.status.success(), "{}", said(&output));
        }
        Ok(())
    })?;
    ensure!(mapped(lab)?.len() == 2 + all.len(), "{:?}", mapped(lab)?);
    lab.record("configuration_loaded", SOON, |r| r.field("GAGGLE_USABLE") == "14")?;
    Ok(())
}

#[test]
fn c45_a_command_killed_at_any_moment_leaves_the_old_or_the_new() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    account(lab, "carol", lab.person("alice")?.uid + 2)?;
    let (mut old, mut new) = (0, 0);
    let program = format!("{PROGRAMS}/gaggle");
    // Nobody listens there: what is tried ends with the file.
    let places = [&*program, "--config-dir", CONFIG, "--runtime-dir", "/run/nowhere"];
    for round in 0..2000_u64 {
        if round >= 100 && old > 10 && new > 10 {
            break;
        }
        let before = mapped(lab)?;
        let id = format!("{round:a>26}");
        let add = ["user", "add", "carol", "--adopt", "--shared", "--mattermost", &id];
        let mut command = lab.namespace.command(&[&places[..], &add].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Spread over all that it does.
        std::thread::sleep(Duration::from_micros(round % 100 * 400));
        child.kill()?;
        child.wait()?;
        let after = mapped(lab)?;
        ensure!(after.is_superset(&before), "round {round}: somebody is lost");
        if after == before {
            old += 1;
        } else {
            ensure!(after.len() == before.len() + 1 && after.contains(&id), "round {round}");
            new += 1;
        }
    }
    ensure!(old > 10 && new > 10, "killed always at the same time: {old} old, {new} new");
    // And nobody holds the lock any more, nor is anything left of all that.
    let last =
        gaggle(lab, 0, &["user", "add", "carol", "--adopt", "--shared", "--mattermost", ID])?;
    ensure!(last.status.success(), "{}", said(&last));
    let left = fs::read_dir(lab.namespace.seen(CONFIG))?.flatten().map(|file| file.file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new")).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn l20_root_makes_nothing_where_a_home_leads() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let uid = lab.person("alice")?.uid + 2;
    account(lab, "carol", uid)?;
    // What root alone may write in.
    let lure = lab.namespace.seen("/srv/gaggle/lure");
    fs::create_dir(&lure)?;
    let above = lab.namespace.seen("/home/carol");
    let (home, link) = (above.join("home"), above.join("link"));
    fs::create_dir(&home)?;
    symlink("/srv/gaggle/lure", &link)?;
    for path in [&home, &link] {
        lchown(path, Some(uid), Some(uid))?;
    }
    super::account_files::set(lab, "passwd", "carol", 5, "/home/carol/home")?;
    let exchange =
        |_| Ok(renameat2(AT_FDCWD, &home, AT_FDCWD, &link, RenameFlags::RENAME_EXCHANGE)?);
    let mut outcomes = BTreeSet::new();
    let adopted = || {
        for round in 0..200 {
            outcomes.insert(adopt(lab, "carol", ID)?.status.code());
            if round > 30 && outcomes.len() > 1 {
                break;
            }
            // Now at the one name and now at the other.
            for workspace in [home.join("workspace"), link.join("workspace")] {
                let about = workspace.metadata();
                ensure!(about.map_or(true, |about| about.uid() == uid), "made as root");
                let _ = fs::remove_dir(workspace);
            }
        }
        Ok(())
    };
    meanwhile(exchange, adopted)?;
    ensure!(fs::read_dir(&lure)?.next().is_none(), "root was led astray");
    // The control: it can be led there.
    ensure!(lab.namespace.run(0, &["mkdir", "/srv/gaggle/lure/workspace"])?.status.success());
    ensure!(outcomes.len() > 1, "never the one or never the other: {outcomes:?}");
    Ok(())
}

#[test]
fn l20_root_believes_no_configuration_in_a_home() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let alice = lab.person("alice")?;
    let folder = "/home/alice/etc";
    lab.namespace.run(alice.uid, &["mkdir", folder])?;
    let program = format!("{PROGRAMS}/gaggle");
    let add = ["user", "add", "bob", "--adopt", "--mattermost", ID];
    let output =
        lab.namespace.run(0, &[&[&*program, "--config-dir", folder], &add[..]].concat())?;
    ensure!(
        !output.status.success() && said(&output).contains("owned by uid"),
        "{}",
        said(&output)
    );
    ensure!(fs::read_dir(lab.namespace.seen(folder))?.next().is_none(), "root wrote there");
    Ok(())
}

#[test]
fn l21_words_that_are_more_than_a_name() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (lab, before) = (&bench.lab, mapped(&bench.lab)?);
    let passwd = fs::read(lab.namespace.seen("/etc/passwd"))?;
    let names = [
        "-rf",
        "--root=/tmp",
        "alice\nroot",
        "alice;id",
        "$(id)",
        "`id`",
        "alice:0",
        "../alice",
        "alice bob",
        "",
        "ALICE",
        "alice*",
    ];
    for name in names {
        let output = gaggle(lab, 0, &["user", "add", "--adopt", "--mattermost", ID, "--", name])?;
        ensure!(output.status.code() == Some(2), "{name:?}: {}", said(&output));
    }
    let short = &ID[1..];
    let ids = [&format!("{ID}\n"), short, &ID.to_uppercase(), &format!("{short}\""), "--json", ""];
    for id in ids {
        let output = gaggle(lab, 0, &["user", "add", "alice", "--adopt", "--mattermost", id])?;
        ensure!(output.status.code() == Some(2), "{id:?}: {}", said(&output));
    }
    ensure!(mapped(lab)? == before);
    ensure!(fs::read(lab.namespace.seen("/etc/passwd"))? == passwd);
    // The control: a plain name and a plain id.
    account(lab, "carol", lab.person("alice")?.uid + 2)?;
    let output = adopt(lab, "carol", ID)?;
    ensure!(output.status.success() && mapped(lab)?.contains(ID), "{}", said(&output));
    Ok(())
}

#[test]
fn l22_the_command_of_somebody_who_is_not_root() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (lab, before) = (&bench.lab, mapped(&bench.lab)?);
    let alice = lab.person("alice")?.uid;
    for arguments in [&["user", "add", "bob", "--adopt", "--mattermost", ID][..], &["status"]] {
        let output = gaggle(lab, alice, arguments)?;
        ensure!(output.status.code() == Some(1), "{arguments:?}: {}", said(&output));
        ensure!(said(&output).contains("sudo"), "{arguments:?}: {}", said(&output));
    }
    ensure!(mapped(lab)? == before);
    let output = gaggle(lab, 0, &["status"])?;
    ensure!(said(&output).contains("running"), "the control: {}", said(&output));
    Ok(())
}

#[test]
fn l34_nobody_else_can_hold_what_root_waits_for() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    ensure!(adopt(lab, "alice", alice.mattermost.id.as_str())?.status.success());
    // What bob can open he can lock for ever.
    let mut held = Vec::new();
    for path in [
        format!("{CONFIG}/user_mapping.json"),
        format!("{CONFIG}/.user_mapping.lock"),
        "/run/gaggle/supervisor.lock".to_owned(),
    ] {
        let id = bob.uid.to_string();
        let sleep = format!("echo held; exec sleep 1000 # {path}");
        let mut command = lab.namespace.command(&[
            "setpriv",
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--",
            "flock",
            &path,
            "sh",
            "-c",
            &sleep,
        ]);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        held.push((path, child));
    }
    let mut holds = Vec::new();
    for (path, child) in &mut held {
        let mut word = [0; 5];
        let out = child.stdout.as_mut().context("its output")?;
        if std::io::Read::read(out, &mut word)? > 0 {
            holds.push(path.clone());
        }
    }
    // The control: the mapping is for everybody to read, so to lock as well.
    ensure!(
        holds.len() == 1 && holds.iter().all(|path| path.ends_with("user_mapping.json")),
        "bob holds {holds:?}"
    );
    let again = adopt(lab, "alice", alice.mattermost.id.as_str())?;
    ensure!(again.status.success(), "{}", said(&again));
    let mut bench = bench;
    ensure!(bench.reload()?.is_none());
    for (_, mut child) in held {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
