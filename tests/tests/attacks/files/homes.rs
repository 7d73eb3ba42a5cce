//! Homes in which nobody's agent is started: each is refused at its own step,
//! and the person with a proper home is served.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::{Lab, wait};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use super::account_files::add;
use super::bench::{Bench, SOON};
use super::frontend::Frontend;

/// A folder above homes that is another account's, in some of the cases.
const ABOVE: &str = "/home/above";

/// A row's home.
struct Case {
    id: &'static str,
    /// Makes it; `home` is a proper home of `uid`, as seen from outside.
    by: fn(home: &Path, uid: u32, bob: u32) -> Result<()>,
    /// What the frontend must be told.
    ends: &'static str,
}

const MISSING: &str = "step: Some(HomeMissing)";
const OWNER: &str = "step: Some(HomeOwner)";
const MODE: &str = "step: Some(HomeMode)";
const FOLDERS: &str = "SandboxRefused(WorkerFolders)";

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn link(home: &Path, name: &str, to: &str) -> Result<()> {
    let link = home.join(name);
    fs::create_dir_all(link.parent().context("a folder")?)?;
    Ok(symlink(to, link)?)
}

/// Has everything in the home belong to the account.
fn give(path: &Path, uid: u32) -> Result<()> {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        lchown(entry.path(), Some(uid), Some(uid))?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), uid)?;
        }
    }
    Ok(())
}

/// A proper home of `uid` at `home/alice`.
fn below(home: &Path, uid: u32) -> Result<()> {
    let own = home.join("alice");
    fs::create_dir(&own)?;
    mode(&own, 0o700)?;
    Ok(chown(own, Some(uid), Some(uid))?)
}

/// Starts every case's person once, and alice.
fn none_is_served(cases: &[Case], deep: &str) -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?.uid);
    let mut mapping = json!({ alice.mattermost.id.as_str(): "alice" });
    for (number, case) in cases.iter().enumerate() {
        let (name, uid) = (format!("case{number}"), alice.uid + 2 + u32::try_from(number)?);
        let home = format!("/home/{name}");
        let seen = bench.lab.namespace.seen(&home);
        fs::create_dir(&seen)?;
        chown(&seen, Some(uid), Some(uid))?;
        mode(&seen, 0o700)?;
        (case.by)(&seen, uid, bob).with_context(|| format!("{}: make it", case.id))?;
        add(&bench.lab, &name, uid, uid, &format!("{home}{deep}"))?;
        mapping[format!("{number:a>26}")] = Value::from(name);
    }
    fs::write(bench.config().join("user_mapping.json"), mapping.to_string())?;
    ensure!(bench.reload()?.is_none());
    let mut frontend = Frontend::of(&bench.lab)?;
    for (number, case) in cases.iter().enumerate() {
        let mut said = frontend.start(format!("{number:a>26}"))?;
        if said.starts_with("Started") {
            said = frontend.receive()?;
        }
        ensure!(said.contains(case.ends), "{} {number}: {said}\n{}", case.id, bench.lab.logs());
    }
    let started = frontend.start(alice.mattermost.id)?;
    ensure!(started.starts_with("Started"), "{started}");
    let left = wait::until(SOON, || {
        let all = bench.lab.namespace.people_running("gaggle-worker");
        (all.len() == 1).then_some(())
    });
    left.context("others than alice's worker run")
}

#[test]
fn c24_c25_c26_a_home_that_is_missing_foreign_or_open() -> Result<()> {
    none_is_served(
        &[
            Case { id: "c24 gone", by: |home, _, _| Ok(fs::remove_dir(home)?), ends: MISSING },
            Case { id: "c24 file", by: c24_file, ends: MISSING },
            Case { id: "c24 shut", by: |home, _, _| mode(home, 0o600), ends: MISSING },
            Case { id: "c25 root", by: |home, _, _| c25_of(home, 0), ends: OWNER },
            Case { id: "c25 bob", by: |home, _, bob| c25_of(home, bob), ends: OWNER },
            Case { id: "c26 group", by: |home, _, _| mode(home, 0o720), ends: MODE },
            Case { id: "c26 others", by: |home, _, _| mode(home, 0o702), ends: MODE },
            Case { id: "c26 sticky", by: |home, _, _| mode(home, 0o1777), ends: MODE },
        ],
        "",
    )
}

fn c24_file(home: &Path, _: u32, _: u32) -> Result<()> {
    fs::remove_dir(home)?;
    File::create(home)?;
    Ok(())
}

fn c25_of(home: &Path, owner: u32) -> Result<()> {
    chown(home, Some(owner), None)?;
    mode(home, 0o755)
}

#[test]
fn c27_l18_a_way_to_the_home_that_somebody_else_can_turn() -> Result<()> {
    none_is_served(
        &[
            Case {
                id: "l18 bob's",
                by: |home, uid, bob| l18_above(home, uid, bob, 0o755),
                ends: FOLDERS,
            },
            Case {
                id: "l18 open",
                by: |home, uid, _| l18_above(home, uid, 0, 0o777),
                ends: FOLDERS,
            },
            Case {
                id: "l18 group",
                by: |home, uid, _| l18_above(home, uid, 0, 0o775),
                ends: FOLDERS,
            },
            Case {
                id: "l18 sticky",
                by: |home, uid, bob| l18_above(home, uid, bob, 0o1777),
                ends: FOLDERS,
            },
            Case { id: "c27", by: c27_link, ends: FOLDERS },
        ],
        "/alice",
    )
}

fn l18_above(home: &Path, uid: u32, owner: u32, above: u32) -> Result<()> {
    below(home, uid)?;
    chown(home, Some(owner), Some(owner))?;
    mode(home, above)
}

fn c27_link(home: &Path, uid: u32, bob: u32) -> Result<()> {
    below(home, uid)?;
    mode(home, 0o755)?;
    chown(home, Some(0), Some(0))?;
    fs::rename(home.join("alice"), home.join("real"))?;
    symlink("real", home.join("alice"))?;
    Ok(lchown(home.join("alice"), Some(bob), None)?)
}

#[test]
fn c30_c32_a_folder_of_the_home_that_leads_elsewhere() -> Result<()> {
    none_is_served(
        &[
            Case {
                id: "c30 .ssh",
                by: |home, uid, _| planted(home, uid, "workspace", ".ssh"),
                ends: FOLDERS,
            },
            Case {
                id: "c30 /",
                by: |home, uid, _| planted(home, uid, "workspace", "/"),
                ends: FOLDERS,
            },
            Case {
                id: "c30 home",
                by: |home, uid, _| planted(home, uid, "workspace", "."),
                ends: FOLDERS,
            },
            Case { id: "c30 bob's", by: c30_bobs, ends: FOLDERS },
            Case { id: "c30 fifo", by: c30_fifo, ends: FOLDERS },
            Case {
                id: "c32 data",
                by: |home, uid, _| planted(home, uid, ".local/share/goose", "/tmp"),
                ends: FOLDERS,
            },
            Case {
                id: "c32 above",
                by: |home, uid, _| planted(home, uid, ".local", ".ssh"),
                ends: FOLDERS,
            },
            Case {
                id: "c32 state",
                by: |home, uid, _| planted(home, uid, ".local/state/goose", "/etc"),
                ends: FOLDERS,
            },
            Case {
                id: "c32 own",
                by: |home, uid, _| planted(home, uid, ".local/state/gaggle", "../.."),
                ends: FOLDERS,
            },
            Case {
                id: "c32 cache",
                by: |home, uid, _| planted(home, uid, ".cache", "/"),
                ends: FOLDERS,
            },
        ],
        "",
    )
}

fn planted(home: &Path, uid: u32, name: &str, to: &str) -> Result<()> {
    fs::create_dir(home.join(".ssh"))?;
    link(home, name, to)?;
    give(home, uid)
}

fn c30_bobs(home: &Path, _: u32, bob: u32) -> Result<()> {
    fs::create_dir(home.join("workspace"))?;
    Ok(chown(home.join("workspace"), Some(bob), Some(bob))?)
}

fn c30_fifo(home: &Path, uid: u32, _: u32) -> Result<()> {
    mkfifo(&home.join("workspace"), Mode::S_IRWXU)?;
    give(home, uid)
}

/// The controls of what is refused above: ways that are as safe as others, and
/// what a home may hold.
#[test]
fn c27_c28_l18_l19_a_home_that_is_only_unusual_is_served() -> Result<()> {
    let people = ["behind-a-link", "in-a-sticky", "in-own", "full-of-fifos"];
    let builder = people.iter().fold(Lab::builder(), |builder, name| builder.person(name));
    let Some(mut lab) = builder.start_if_possible()? else { return Ok(()) };
    let home = |name: &str| lab.namespace.seen("/home").join(name);
    let above = lab.namespace.seen(ABOVE);
    fs::create_dir(&above)?;
    mode(&above, 0o1777)?;
    fs::rename(home("behind-a-link"), above.join("real"))?;
    symlink("above/real", home("behind-a-link"))?;
    fs::rename(home("in-a-sticky"), above.join("alice"))?;
    let own = lab.person("in-own")?.uid;
    below(&home("in-own"), own)?;
    let fifos = home("full-of-fifos");
    for fifo in [".config/goose/config.yaml", ".config/goose/secrets.yaml", ".bashrc", ".profile"] {
        let fifo = fifos.join(fifo);
        fs::create_dir_all(fifo.parent().context("a folder")?)?;
        mkfifo(&fifo, Mode::S_IRWXU)?;
    }
    give(&fifos, lab.person("full-of-fifos")?.uid)?;
    let set = |name, home| super::account_files::set(&lab, "passwd", name, 5, home);
    set("in-a-sticky", "/home/above/alice")?;
    set("in-own", "/home/in-own/alice")?;
    lab.service(gaggle_tests::lab::Which::Supervisor)?.signal(nix::sys::signal::Signal::SIGHUP)?;
    // The homes as well: root, which has no right to override modes, is shut out
    // like on a file server that does not know root.
    let look = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", "ls", "/home/in-own"];
    ensure!(!lab.namespace.command(&look).output()?.status.success(), "root may look in");
    for name in people {
        let answer = lab.answer(name, "run: id -un; test -O . && pwd -P")?;
        ensure!(answer.starts_with(name) && answer.ends_with("workspace"), "{name}: {answer}");
    }
    Ok(())
}
