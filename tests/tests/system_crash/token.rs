//! The bot's token is revoked while turns run.
//!
//! Trust: none; the processes are looked for by their names.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{TOKEN_FILE, Which, wait};
use gaggle_tests::mattermost::Fault;

use crate::seen::Seen;
use crate::world::{Kind, World};

/// It is noticed within.
const NOTICED: Duration = Duration::from_secs(60);
/// Whose agent has nobody to work for any more is gone within.
const STOPPED: Duration = Duration::from_secs(15);

#[test]
fn a_revoked_token_stops_the_work_says_so_and_loses_nothing() -> Result<()> {
    let Some(mut world) = World::start(2)? else { return Ok(()) };
    world.lab.llm.hold(true);
    let streams = world.ask("p0", Kind::Stream)?;
    let half = format!("begin {}", streams.word);
    world.until("half of an answer", || {
        world.posts_of(&streams).text().contains(&half).then_some(())
    })?;
    fs::write(world.workspace("p0").join("hold"), "")?;
    let tool = world.ask("p0", Kind::Tool)?;
    world.until("a question", || (!world.questions(&tool).ok()?.is_empty()).then_some(()))?;
    world.allow()?;
    world.until("the tool's line", || (world.lines(&tool) > 0).then_some(()))?;
    // The control: there is somebody to stop.
    for name in ["gaggle-worker", "goose"] {
        ensure!(!world.running("p0", name)?.is_empty(), "no {name} runs");
    }

    let user = world.lab.bot.id.to_string();
    world.lab.simulator.inject(Fault::RevokeTokens { user });
    let frontend = world.lab.service(Which::Frontend)?;
    let ended = wait::until(NOTICED, || frontend.ended()).context("it is not noticed")?;
    ensure!(ended.code() == Some(77), "it ends with {ended}\n{}", world.story());
    let says = world.lab.service(Which::Frontend)?.status();
    ensure!(says.contains("does not accept the bot's token"), "the status says {says:?}");
    for name in ["gaggle-worker", "goose", "sleep"] {
        let gone = || world.running("p0", name).is_ok_and(|pids| pids.is_empty()).then_some(());
        ensure!(wait::until(STOPPED, gone).is_some(), "{name} goes on\n{}", world.story());
    }

    // With a new token nothing is lost.
    let missed = world.ask("p1", Kind::Echo)?;
    let token = world.lab.simulator.account(world.lab.bot.id)?.token;
    fs::write(world.lab.namespace.seen(CONFIG).join(TOKEN_FILE), token)?;
    fs::remove_file(world.workspace("p0").join("hold"))?;
    world.lab.llm.hold(false);
    world.lab.start(Which::Frontend)?;
    world.settle()?;
    ensure!(world.seen(&missed) == Seen::Answered, "{}", world.story());
    for cut in [&streams, &tool] {
        ensure!(world.seen(cut) == Seen::Interrupted, "{}", world.story());
    }
    world.check()
}
