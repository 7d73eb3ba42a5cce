//! Whatever is killed, whenever: every message is answered once, or said once to
//! be interrupted, and no tool runs a second time by itself.

mod clock;
mod disk;
mod ledger;
mod seen;
mod soak;
mod stage;
mod token;
mod victim;
mod world;

use anyhow::{Result, ensure};

use stage::Stage;
use victim::Victim;
use world::{Kind, World, names};

/// Kills one thing once in each state that a message can be in, each time with
/// another person's message.
fn killed_at_each_state(victim: Victim) -> Result<()> {
    let Some(mut world) = World::start(Stage::ALL.len())? else { return Ok(()) };
    let stages = Stage::ALL.into_iter().filter(|stage| stage.has(victim));
    let mut threads = Vec::new();
    for (stage, person) in stages.zip(names(Stage::ALL.len())) {
        let thread = match stage {
            Stage::Opened => None,
            _ => {
                let thread = world.ask(&person, Kind::Echo)?;
                world.settle()?;
                Some(thread)
            }
        };
        let held = stage.reach(&mut world, &person, thread.as_ref())?;
        victim.kill(&mut world, &person)?;
        if victim != Victim::Mattermost {
            world.lab.simulator.clear_faults();
        }
        held.let_go(&world)?;
        victim.revive(&mut world)?;
        world.settle()?;
        let Some(asked) = world.asked.last().cloned() else { continue };
        let seen = world.seen(&asked);
        ensure!(
            stage.may_become(victim).contains(&seen),
            "{victim:?} was killed at {stage:?}: {seen:?}\n{}",
            world.story()
        );
        threads.push(thread.unwrap_or(asked));
    }
    for thread in threads {
        world.remembers(&thread)?;
    }
    world.check()
}

macro_rules! killed {
    ($($name:ident: $victim:ident;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            killed_at_each_state(Victim::$victim)
        }
    )*};
}

killed! {
    the_frontend_is_killed_at_each_state: Frontend;
    the_supervisor_is_killed_at_each_state: Supervisor;
    a_worker_is_killed_at_each_state: Worker;
    a_goose_is_killed_at_each_state: Goose;
    mattermost_goes_down_at_each_state: Mattermost;
}

#[test]
#[ignore = "takes half an hour: cargo xtask test --soak"]
fn hundreds_of_kills_over_a_thousand_messages() -> Result<()> {
    soak::soak()
}
