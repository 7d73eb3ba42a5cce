//! The disk of the state is full.
//!
//! Trust: none; a small file system of its own takes the place of the folder.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::spec::{FRONTEND_UID, STATE};
use gaggle_tests::lab::{Which, wait};

use crate::seen::Seen;
use crate::world::{Kind, SETTLED, World};

/// Of that file system.
const SIZE: &str = "size=1m";

#[test]
fn with_a_full_disk_messages_wait_the_service_says_why_and_room_is_all_it_takes() -> Result<()> {
    let Some(mut world) = World::prepare(2)? else { return Ok(()) };
    let uid = FRONTEND_UID;
    let options = format!("{SIZE},mode=0700,uid={uid},gid={uid}");
    let mount = ["mount", "-t", "tmpfs", "-o", &options, "tmpfs", STATE];
    ensure!(world.lab.namespace.run(0, &mount)?.status.success(), "no file system for the state");
    world.open()?;
    let thread = world.ask("p0", Kind::Echo)?;
    world.settle()?;
    // One is under way when the disk fills up, and others come.
    world.lab.llm.hold(true);
    let running = world.ask("p1", Kind::Stream)?;
    let half = format!("begin {}", running.word);
    world.until("half of an answer", || {
        world.posts_of(&running).text().contains(&half).then_some(())
    })?;
    let filler = world.lab.namespace.seen(STATE).join("filler");
    fill(&filler)?;
    let waiting = [world.ask_in(&thread, Kind::Tool)?, world.ask_in_channel("p1", Kind::Echo)?];
    world.lab.llm.hold(false);
    // It says what is wrong and ends, also when systemd starts it again.
    for _ in 0..2 {
        let frontend = world.lab.service(Which::Frontend)?;
        let ended = wait::until(SETTLED, || frontend.ended()).context("it goes on")?;
        let says = frontend.status();
        ensure!(ended.code() == Some(1), "it ends with {ended}\n{}", world.story());
        ensure!(says.contains("is full"), "the status says {says:?}\n{}", world.story());
        let _ = world.lab.start(Which::Frontend);
    }
    for asked in &waiting {
        ensure!(matches!(world.seen(asked), Seen::Open(_)), "{asked:?} is {:?}", world.seen(asked));
    }
    fs::remove_file(&filler)?;
    world.lab.kill_and_restart(Which::Frontend)?;
    world.settle()?;
    for asked in &waiting {
        ensure!(world.seen(asked) == Seen::Answered, "{asked:?}: {}", world.story());
    }
    world.remembers(&thread)?;
    world.check()
}

/// Takes all room that is left.
fn fill(path: &std::path::Path) -> Result<()> {
    let mut file = fs::File::create(path).context("make a file that fills the disk")?;
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
    Ok(())
}
