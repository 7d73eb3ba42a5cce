//! The machine's clock jumps.
//!
//! Trust: libfaketime gives the frontend another wall clock; the one that times
//! its waits stays, as it does when an admin sets the clock.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::{Which, needs};

use crate::ledger;
use crate::seen::Seen;
use crate::world::{Kind, World};

/// Where Debian has it, below the folder of the machine's kind.
const LIBRARY: &str = "faketime/libfaketime.so.1";
/// How far the clock is off, in the lab.
const JUMP: &str = "/run/clock";
const DAY: i64 = 24 * 60 * 60 * 1000;

#[test]
fn a_clock_that_jumps_a_day_loses_nothing_and_answers_nothing_twice() -> Result<()> {
    let Some(library) = library() else {
        needs::say("needs libfaketime (apt-get install faketime)");
        return Ok(());
    };
    let Some(mut world) = World::prepare(1)? else { return Ok(()) };
    world.lab.environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", JUMP),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    // What the library leaves behind ends with the lab.
    let mount = ["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm"];
    ensure!(world.lab.namespace.run(0, &mount)?.status.success(), "no /dev/shm of its own");
    set(&world, "+0")?;
    world.open()?;
    let thread = world.ask("p0", Kind::Echo)?;
    world.settle()?;
    for (jump, days) in [("+1d", 1), ("-1d", -1), ("+0", 0), ("+100d", 100), ("+0", 0)] {
        // One is under way when it jumps.
        world.lab.llm.hold(true);
        let running = world.ask_in(&thread, Kind::Stream)?;
        let half = format!("begin {}", running.word);
        world.until("half of an answer", || {
            world.posts_of(&running).text().contains(&half).then_some(())
        })?;
        set(&world, jump)?;
        world.lab.llm.hold(false);
        let fresh = [world.ask_in(&thread, Kind::Tool)?, world.ask("p0", Kind::Echo)?];
        world.settle()?;
        // The control: the clock of the ledger has jumped.
        let opened = ledger::row(&world.lab, fresh[1].post)?.context("a row")?.opened_at;
        let off = opened - world.lab.simulator.get(fresh[1].post).context("a post")?.create_at;
        ensure!((off - days * DAY).abs() < DAY / 24, "{jump}: {off} ms off");
        // Started anew on either side it goes on as well.
        let missed = world.ask_in(&thread, Kind::Echo)?;
        world.lab.kill_and_restart(Which::Frontend)?;
        world.settle()?;
        for asked in fresh.iter().chain([&running]) {
            ensure!(world.seen(asked) == Seen::Answered, "{jump}: {asked:?}\n{}", world.story());
        }
        // Whether it had been sent when it was killed is chance.
        ensure!(!matches!(world.seen(&missed), Seen::Wrong(_)), "{jump}\n{}", world.story());
    }
    world.remembers(&thread)?;
    world.no_stray_posts()
}

fn set(world: &World, jump: &str) -> Result<()> {
    let path = world.lab.namespace.seen(JUMP);
    // In one piece: it is read all the time.
    let new = path.with_extension("new");
    fs::write(&new, jump)?;
    fs::rename(new, path).context("set the clock")
}

fn library() -> Option<String> {
    let folder = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let found = folder.map(|folder| folder.join(LIBRARY)).find(|path| Path::new(path).exists());
    Some(found?.to_str()?.to_owned())
}
