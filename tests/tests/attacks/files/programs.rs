//! Goose and the worker's program where others than root could exchange them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::PROGRAMS;

use super::bench::{Bench, Start};
use super::frontend::Frontend;

/// A Goose of the case's own: the lab's cannot be changed.
const GOOSE: &str = "/srv/gaggle/own/goose";

/// What is done to a program or its folder, and what must be said.
struct Loosened {
    what: &'static str,
    by: fn(&Path, u32) -> Result<()>,
    says: &'static str,
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap()
}

const LOOSENED: &[Loosened] = &[
    Loosened { what: "open", by: |path, _| mode(path, 0o777), says: "mode 0777" },
    Loosened { what: "of a group", by: |path, _| mode(path, 0o775), says: "mode 0775" },
    Loosened {
        what: "bob's",
        by: |path, bob| Ok(chown(path, Some(bob), None)?),
        says: "owned by uid",
    },
    Loosened { what: "a link", by: link, says: "a symbolic link" },
    Loosened { what: "two names", by: second_name, says: "2 hard links" },
    Loosened { what: "an open folder", by: |path, _| mode(folder(path), 0o777), says: "mode 0777" },
    Loosened {
        what: "a folder of bob's",
        by: |path, bob| Ok(chown(folder(path), Some(bob), None)?),
        says: "owned by uid",
    },
];

fn link(path: &Path, _: u32) -> Result<()> {
    fs::rename(path, path.with_file_name("aside"))?;
    Ok(symlink("aside", path)?)
}

fn second_name(path: &Path, _: u32) -> Result<()> {
    Ok(fs::hard_link(path, path.with_file_name("aside"))?)
}

/// As it was, whatever was done.
fn mend(path: &Path) -> Result<()> {
    let aside = path.with_file_name("aside");
    if path.is_symlink() {
        fs::rename(&aside, path)?;
    }
    let _ = fs::remove_file(aside);
    for path in [path, folder(path)] {
        chown(path, Some(0), Some(0))?;
        mode(path, 0o755)?;
    }
    Ok(())
}

#[test]
fn c36_c37_a_program_that_others_could_exchange() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let goose = bench.lab.namespace.seen(GOOSE);
    fs::create_dir(folder(&goose))?;
    fs::write(&goose, "#!/bin/sh\n")?;
    mend(&goose)?;
    let settings = bench.config().join("supervisor.toml");
    let text = fs::read_to_string(&settings)?;
    fs::write(&settings, format!("{text}\ngoose_path = {GOOSE:?}\n"))?;
    bench.keep()?;
    for program in [GOOSE.to_owned(), format!("{PROGRAMS}/gaggle-worker")] {
        for loosened in LOOSENED {
            let case = format!("{program}: {}", loosened.what);
            refused_everywhere(&mut bench, &program, loosened).with_context(|| case)?;
        }
    }
    Ok(())
}

/// At a launch, at a reload and at a start; and each is well when mended.
fn refused_everywhere(bench: &mut Bench, program: &str, loosened: &Loosened) -> Result<()> {
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?.uid);
    let path = bench.lab.namespace.seen(program);
    restart(bench)?;
    (loosened.by)(&path, bob)?;
    let answer = Frontend::of(&bench.lab)?.start(alice.mattermost.id)?;
    ensure!(answer.contains("LaunchFailed") && answer.contains("Some(Programs)"), "{answer}");
    let said = bench.reload()?.context("it was read")?;
    ensure!(said.contains(loosened.says), "at a reload: {said}");
    match bench.try_start()? {
        Start::Serves => panic!("it serves"),
        Start::Refuses(said) => ensure!(said.contains(loosened.says), "at a start: {said}"),
    }
    mend(&path)?;
    restart(bench)?;
    ensure!(bench.reload()?.is_none(), "mended");
    let answer = Frontend::of(&bench.lab)?.start(alice.mattermost.id)?;
    ensure!(answer.starts_with("Started"), "mended: {answer}");
    Ok(())
}

/// A new supervisor, which knows nothing of earlier starts.
fn restart(bench: &mut Bench) -> Result<()> {
    bench.lab.kill_and_restart(gaggle_tests::lab::Which::Supervisor)
}

#[test]
fn c37_nobody_but_root_can_put_another_program_there() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?.uid, lab.person("bob")?.uid);
    let exchange = |name: &str| {
        format!(
            "cp /bin/true /tmp/mine.$$ && mv -f /tmp/mine.$$ {PROGRAMS}/{name}; s=$?; rm -f /tmp/mine.$$; exit $s"
        )
    };
    for name in ["goose", "gaggle-worker", "goose-shell", "goose-config/goose/config.yaml", "new"] {
        for uid in [alice, bob] {
            let done = lab.namespace.run(uid, &["sh", "-c", &exchange(name)])?;
            ensure!(!done.status.success(), "{name} as {uid}");
        }
        let said =
            lab.answer("alice", &format!("run: cp /bin/true {PROGRAMS}/{name} || echo kept out"))?;
        ensure!(said.contains("kept out"), "{name} from the cage: {said}");
    }
    // The control: root can.
    let done = lab.namespace.run(0, &["sh", "-c", &exchange("new")])?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn c35_a_goose_that_lies_in_the_path() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    let tmpfs = ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local/bin"];
    ensure!(lab.namespace.run(0, &tmpfs)?.status.success(), "cover /usr/local/bin");
    let decoy = "#!/bin/sh\ntouch ~/workspace/decoyed\n";
    let script = "for f; do mkdir -p ${f%/*}; printf %s \"$0\" > $f; chmod 755 $f; done";
    let own =
        ["/home/alice/bin/goose", "/home/alice/.local/bin/goose", "/home/alice/workspace/goose"];
    let planted = lab.namespace.run(alice, &[&["sh", "-c", script, decoy], &own[..]].concat())?;
    ensure!(planted.status.success(), "plant it");
    lab.namespace.run(0, &["sh", "-c", script, decoy, "/usr/local/bin/goose"])?;
    let mark = lab.namespace.seen("/home/alice/workspace/decoyed");
    ensure!(lab.answer("alice", "run: pwd")?.ends_with("/workspace"));
    ensure!(!mark.exists(), "the decoy was started");
    // The control: it is what a shell finds.
    lab.answer("alice", "run: goose")?;
    ensure!(mark.exists(), "the decoy is not in the path");
    // And a name without a place is refused.
    let settings = lab.namespace.seen(gaggle_tests::lab::spec::CONFIG).join("supervisor.toml");
    fs::write(settings, "goose_path = \"goose\"")?;
    let supervisor = gaggle_tests::lab::Which::Supervisor;
    lab.service(supervisor)?.signal(nix::sys::signal::Signal::SIGHUP)?;
    lab.record("configuration_refused", super::bench::SOON, |record| {
        record.field("GAGGLE_REASON").contains("goose_path: must be an absolute path")
    })?;
    Ok(())
}
