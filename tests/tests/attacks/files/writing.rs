//! The mapping while several write it, while who writes is killed, and while
//! others hold what they can.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, RUNTIME};

use super::bench::{Bench, SOON};
use super::command::{ID, account, adopt, gaggle, mapped, said};

/// Asks neither at a terminal nor Mattermost nor for a start.
const UNASKED: &[&str] = &["--yes", "--offline", "--no-probe"];

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
        let mut command = lab.namespace.command(&[&places[..], &add, UNASKED].concat());
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
    let last = ["user", "add", "carol", "--adopt", "--shared", "--mattermost", ID];
    let last = gaggle(lab, 0, &[&last, UNASKED].concat())?;
    ensure!(last.status.success(), "{}", said(&last));
    let left = fs::read_dir(lab.namespace.seen(CONFIG))?.flatten().map(|file| file.file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new")).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

/// A lock in somebody's hands until it is dropped.
struct Held(Child);

impl Held {
    /// `None` if they cannot have it.
    fn by(lab: &Lab, uid: u32, path: &str) -> Result<Option<Self>> {
        let id = uid.to_string();
        let who = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"];
        let lock = ["flock", "--no-fork", path, "sh", "-c", "echo held; exec sleep 1000"];
        let mut command = lab.namespace.command(&[&who[..], &lock].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut held = Self(command.spawn()?);
        let mut word = [0; 5];
        let output = held.0.stdout.as_mut().context("its output")?;
        Ok((output.read(&mut word)? > 0).then_some(held))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn l34_nobody_else_can_hold_what_root_waits_for() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let id = alice.mattermost.id;
    ensure!(adopt(&bench.lab, "alice", id.as_str())?.status.success());
    // What bob can open he can lock for ever.
    for path in [format!("{CONFIG}/.user_mapping.lock"), format!("{RUNTIME}/supervisor.lock")] {
        ensure!(bench.lab.namespace.seen(&path).exists(), "{path} is not there");
        ensure!(Held::by(&bench.lab, bob.uid, &path)?.is_none(), "bob holds {path}");
    }
    // The control: the mapping is for everybody to read here, so to lock as well.
    let mapping = Held::by(&bench.lab, bob.uid, &format!("{CONFIG}/user_mapping.json"))?;
    ensure!(mapping.is_some(), "bob can lock nothing at all");
    let again = adopt(&bench.lab, "alice", id.as_str())?;
    ensure!(again.status.success(), "root waits: {}", said(&again));
    ensure!(bench.reload()?.is_none());
    Ok(())
}
