//! The admin's command, run by root where others have prepared the ground.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::{Map, Value};

use super::account_files::add;
use super::bench::Bench;
use super::meanwhile::meanwhile;

/// Of nobody in the lab.
pub(super) const ID: &str = "carolcarolcarolcarolcarol1";

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

pub(super) fn gaggle(lab: &Lab, uid: u32, arguments: &[&str]) -> Result<Output> {
    let program = format!("{PROGRAMS}/gaggle");
    // What hangs fails.
    let all = [&["timeout", "60", &program, "--config-dir", CONFIG], arguments].concat();
    lab.namespace.run(uid, &all)
}

pub(super) fn adopt(lab: &Lab, account: &str, id: &str) -> Result<Output> {
    let add = ["user", "add", account, "--adopt", "--mattermost", id];
    // Nobody is asked, the ids are nobody's, and starts are counted.
    gaggle(lab, 0, &[&add[..], &["--yes", "--offline", "--no-probe"]].concat())
}

/// The ids in the mapping, which must be whole.
pub(super) fn mapped(lab: &Lab) -> Result<BTreeSet<String>> {
    let text = fs::read(lab.namespace.seen(CONFIG).join("user_mapping.json"))?;
    let mapping: Map<String, Value> = serde_json::from_slice(&text).context("half a mapping")?;
    Ok(mapping.into_iter().map(|(id, _)| id).collect())
}

/// An account with a proper home.
pub(super) fn account(lab: &Lab, name: &str, uid: u32) -> Result<()> {
    let home = lab.namespace.seen("/home").join(name);
    fs::create_dir(&home)?;
    chown(home, Some(uid), Some(uid))?;
    add(lab, name, uid, uid, &format!("/home/{name}"))
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

/// What a start would refuse the admin is told at once.
#[test]
fn l18_c24_c25_c26_a_home_in_which_nobody_could_be_started() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let uid = lab.person("alice")?.uid + 2;
    let above = lab.namespace.seen("/home/above");
    fs::create_dir(&above)?;
    account(lab, "carol", uid)?;
    fs::rename(lab.namespace.seen("/home/carol"), above.join("carol"))?;
    super::account_files::set(lab, "passwd", "carol", 5, "/home/above/carol")?;
    let own = above.join("carol");
    let bob = lab.person("bob")?.uid;
    for (path, owner, mode, says) in [
        (&above, bob, 0o755, "chown root /home/above"),
        (&above, 0, 0o777, "chmod go-w /home/above"),
        (&above, bob, 0o1777, "chown root /home/above"),
        (&own, 0, 0o755, "belongs to uid 0"),
        (&own, uid, 0o770, "chmod go-w"),
        (&own, uid, 0o600, "no such folder"),
    ] {
        let about = path.metadata()?;
        chown(path, Some(owner), Some(owner))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        let output = adopt(lab, "carol", ID)?;
        let refused = output.status.code() == Some(1) && said(&output).contains(says);
        ensure!(refused, "{mode:o}: {}", said(&output));
        ensure!(!mapped(lab)?.contains(ID), "{mode:o}: it is mapped");
        chown(path, Some(about.uid()), Some(about.gid()))?;
        fs::set_permissions(path, about.permissions())?;
    }
    fs::rename(&own, above.join("away"))?;
    ensure!(said(&adopt(lab, "carol", ID)?).contains("no such folder"));
    fs::rename(above.join("away"), &own)?;
    fs::set_permissions(&above, fs::Permissions::from_mode(0o1777))?;
    let output = adopt(lab, "carol", ID)?;
    ensure!(output.status.success(), "the control: {}", said(&output));
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
