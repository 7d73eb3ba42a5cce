//! Folders that change places while workers and agents start: what was judged
//! is what is used.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use gaggle_tests::lab::{Lab, Which};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::bench::Bench;
use super::frontend::Frontend;
use super::meanwhile::meanwhile;

fn exchange(one: &Path, other: &Path) -> Result<()> {
    // Not so fast that nobody ever gets through.
    std::thread::sleep(Duration::from_micros(300));
    Ok(renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?)
}

#[test]
fn l17_a_home_that_changes_places_during_launches() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let home = bench.lab.namespace.seen("/home/alice");
    let other = bench.lab.namespace.seen("/home/other");
    fs::create_dir(&other)?;
    chown(&other, Some(bob.uid), Some(bob.uid))?;
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755))?;
    let (mut started, mut refused) = (0, 0);
    let launches = || {
        for _ in 0..200 {
            if started >= 5 && refused >= 5 {
                return Ok(());
            }
            // One that remembers no failures.
            bench.lab.kill_and_restart(Which::Supervisor)?;
            let answer = Frontend::of(&bench.lab)?.start(alice.mattermost.id)?;
            if answer.starts_with("Refused") {
                // Found out by the account, or before it by the mounts.
                let found_out = ["Some(HomeOwner)", "Some(Mounts)"];
                ensure!(found_out.iter().any(|step| answer.contains(step)), "{answer}");
                refused += 1;
                continue;
            }
            ensure!(answer.starts_with("Started"), "{answer}");
            started += 1;
            let record = bench.records("worker_started")?.pop().context("a record")?;
            let folder = format!("/proc/{}/cwd", record.field("GAGGLE_PID"));
            // It may have found out meanwhile, and be gone.
            let owner = fs::metadata(folder).map_or(alice.uid, |about| about.uid());
            ensure!(owner == alice.uid, "a worker of alice's in a home of {owner}");
        }
        bail!("no race: {started} started, {refused} refused")
    };
    meanwhile(|_| exchange(&home, &other), launches)?;
    ensure!(
        fs::read_dir(&other)?
            .chain(fs::read_dir(&home)?)
            .flatten()
            .all(|made| { made.metadata().is_ok_and(|about| about.uid() == alice.uid) })
    );
    Ok(())
}

#[test]
fn c31_a_workspace_that_changes_places_while_agents_start() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    ensure!(lab.answer("alice", "run: pwd")?.ends_with("/workspace"));
    let uid = lab.person("alice")?.uid;
    let home = lab.namespace.seen("/home/alice");
    let private = home.join("private");
    fs::create_dir(&private)?;
    fs::write(private.join("secret"), "of-alice's-own")?;
    symlink("private", home.join("lure"))?;
    for path in [private.clone(), private.join("secret"), home.join("lure")] {
        lchown(path, Some(uid), Some(uid))?;
    }
    let (workspace, lure) = (home.join("workspace"), home.join("lure"));
    let tries = || {
        let mut ran = 0;
        for tried in 0..30 {
            if tried >= 8 && ran > 0 {
                return Ok(());
            }
            // Each with a worker and a Goose of its own: both judge the folder.
            lab.kill_and_restart(Which::Supervisor)?;
            let look = "echo ran; cat secret ./secret ~/private/secret; ls ~/private";
            let answer = lab.answer("alice", &format!("run: {look}"))?;
            ensure!(!answer.contains("of-alice's-own"), "{answer}");
            ran += usize::from(answer.contains("ran\n"));
        }
        bail!("no agent ever ran")
    };
    meanwhile(|_| exchange(&workspace, &lure), tries)?;
    // The control: a program of hers that nobody holds gets there.
    let look = "while ! cat /home/alice/workspace/secret 2>/dev/null; do :; done";
    let reached = || lab.namespace.run(uid, &["timeout", "60", "sh", "-c", look]);
    let seen = meanwhile(|_| exchange(&workspace, &lure), reached)?;
    ensure!(seen.status.success(), "nobody ever gets there");
    Ok(())
}

/// What a launch makes in a home it makes with the rights of its account:
/// whether a folder of the home or the home itself leads elsewhere.
#[test]
fn c32_l20_root_makes_nothing_where_a_home_leads() -> Result<()> {
    for (home, swapped) in [("/home/alice", ".cache"), ("/home/alice/home", "home")] {
        let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
        let uid = bench.lab.person("alice")?.uid;
        let alices = bench.lab.namespace.seen("/home/alice");
        let lure = bench.lab.namespace.seen("/srv/gaggle/lure");
        fs::create_dir(&lure)?;
        let (folder, link) = (alices.join(swapped), alices.join("link"));
        fs::create_dir(&folder)?;
        symlink("/srv/gaggle/lure", &link)?;
        for path in [&folder, &link] {
            lchown(path, Some(uid), Some(uid))?;
        }
        super::account_files::set(&bench.lab, "passwd", "alice", 5, home)?;
        meanwhile(|_| exchange(&folder, &link), || launches(&mut bench, [&folder, &link]))?;
        ensure!(fs::read_dir(&lure)?.next().is_none(), "root was led astray");
        // The control: there is a way, and root could have made something there.
        let make =
            ["sh", "-c", "mkdir \"$0/x\" /home/alice/link/x", &format!("/home/alice/{swapped}")];
        ensure!(bench.lab.namespace.run(0, &make)?.status.success(), "root cannot either");
        ensure!(fs::read_dir(&lure)?.next().is_some(), "it leads nowhere");
    }
    Ok(())
}

/// Launches alice's worker until that went well at least once, and often.
fn launches(bench: &mut Bench, folders: [&Path; 2]) -> Result<()> {
    let id = bench.lab.person("alice")?.mattermost.id;
    let mut started = 0;
    for tried in 0..100 {
        if tried >= 12 && started > 0 {
            return Ok(());
        }
        bench.lab.kill_and_restart(Which::Supervisor)?;
        let answer = Frontend::of(&bench.lab)?.start(id)?;
        started += usize::from(answer.starts_with("Started"));
        // So that there is something to make the next time.
        for folder in folders {
            for made in ["gaggle", "workspace", ".cache/gaggle", ".cache"] {
                let _ = fs::remove_dir(folder.join(made));
            }
        }
    }
    bail!("no launch got so far")
}
