//! The long form: hundreds of kills, at each state and at any moment, while many
//! people write. It says how far it is, and ends with figures.
//!
//! Trust: none. People are chosen so that the supervisor's limits of starts, which
//! would answer in place of Goose, are hardly met; how often they were is said.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gaggle_tests::mattermost::{Body, Fault, Requests, When};
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::ledger;
use crate::seen::Seen;
use crate::stage::Stage;
use crate::victim::Victim;
use crate::world::{Asked, Kind, World, names};

const PEOPLE: usize = 14;
const KILLS: usize = 300;
const MESSAGES: usize = 1000;
/// Most threads of one person in each place.
const THREADS: usize = 3;
/// A kill at any moment comes after so many events at most.
const EVENTS: usize = 30;
/// If nothing happens for so long, that is the moment.
const QUIET: Duration = Duration::from_secs(1);
/// Of so many messages one may be told that an agent was started too often.
const FEW: usize = 20;

/// What was done.
#[derive(Default)]
struct Figures {
    kills: BTreeMap<String, usize>,
}

impl Figures {
    fn count(&mut self, moment: impl Debug, victim: Victim) {
        *self.kills.entry(format!("{victim:?} at {moment:?}")).or_default() += 1;
    }

    fn total(&self) -> usize {
        self.kills.values().sum()
    }
}

/// Kills until it was enough.
pub(crate) fn soak() -> Result<()> {
    let Some(mut world) = World::start(PEOPLE)? else { return Ok(()) };
    eprintln!("seed {}", world.seed);
    let began = Instant::now();
    let (mut figures, mut cells) = (Figures::default(), Vec::new());
    for round in 0.. {
        if figures.total() >= KILLS && world.asked.len() >= MESSAGES {
            break;
        }
        let person = format!("p{}", round % PEOPLE);
        if round % 3 == 2 {
            at_any_moment(&mut world, &mut figures)?;
        } else {
            if cells.is_empty() {
                cells = all_cells();
                cells.shuffle(&mut world.random);
            }
            if let Some((stage, victim)) = cells.pop() {
                at_a_state(&mut world, &mut figures, &person, (stage, victim))?;
            }
        }
        if round % 10 == 9 {
            world.check()?;
            let (kills, asked) = (figures.total(), world.asked.len());
            eprintln!("{kills} kills, {asked} messages, {} s", began.elapsed().as_secs());
        }
    }
    every_thread_remembers(&mut world)?;
    world.check()?;
    report(&world, &figures, began.elapsed())
}

fn all_cells() -> Vec<(Stage, Victim)> {
    let all = Stage::ALL.into_iter().flat_map(|s| Victim::ALL.into_iter().map(move |v| (s, v)));
    all.filter(|(stage, victim)| stage.has(*victim)).collect()
}

fn at_a_state(
    world: &mut World,
    figures: &mut Figures,
    person: &str,
    (stage, victim): (Stage, Victim),
) -> Result<()> {
    let (mut stage, mut person) = (stage, person.to_owned());
    let mut thread = None;
    if stage == Stage::Opened {
        match names(PEOPLE)
            .into_iter()
            .find(|p| world.running(p, "gaggle-worker").is_ok_and(|w| w.is_empty()))
        {
            Some(idle) => person = idle,
            None => stage = Stage::Unread,
        }
    }
    if stage != Stage::Opened {
        // It has a worker then, and in the thread a Goose.
        thread = Some(write(world, &person, Kind::Echo)?);
        world.settle()?;
    }
    let held = stage.reach(world, &person, thread.as_ref())?;
    let at = world.asked.len() - 1;
    for _ in 0..world.random.random_range(0..3) {
        let (other, kind) = (anybody(world), any_kind(world));
        write(world, &other, kind)?;
    }
    victim.kill(world, &person)?;
    figures.count(stage, victim);
    if victim != Victim::Mattermost {
        world.lab.simulator.clear_faults();
    }
    held.let_go(world)?;
    victim.revive(world)?;
    world.settle()?;
    let asked = world.asked[at].clone();
    let seen = world.seen(&asked);
    let fair = stage.may_become(victim).contains(&seen) || is_refused(world, &asked)?;
    ensure!(fair, "{victim:?} was killed at {stage:?}: {asked:?} is {seen:?}\n{}", world.story());
    Ok(())
}

/// A few people write, and things are killed wherever they are.
fn at_any_moment(world: &mut World, figures: &mut Figures) -> Result<()> {
    for _ in 0..world.random.random_range(0..4) {
        let fault = any_fault(world);
        world.lab.simulator.inject(fault);
    }
    let mut events = world.lab.simulator.subscribe();
    for _ in 0..world.random.random_range(2..6) {
        let (person, kind) = (anybody(world), any_kind(world));
        write(world, &person, kind)?;
    }
    for _ in 0..world.random.random_range(1..4) {
        for _ in 0..world.random.random_range(0..EVENTS) {
            if world.lab.block_on(events.next(QUIET)).is_err() {
                break;
            }
            world.allow()?;
        }
        let victim = *Victim::ALL.choose(&mut world.random).unwrap_or(&Victim::Frontend);
        let person = match victim {
            Victim::Worker => somebody_with(world, "gaggle-worker"),
            Victim::Goose => somebody_with(world, "goose"),
            _ => Some(String::new()),
        };
        // One may end by itself meanwhile.
        if let Some(person) = person
            && victim.kill(world, &person).is_ok()
        {
            figures.count("any moment", victim);
            victim.revive(world)?;
        }
    }
    world.lab.simulator.clear_faults();
    world.settle()
}

/// What a network and a busy server do to a few requests.
fn any_fault(world: &mut World) -> Fault {
    let count = world.random.random_range(1..6);
    let made = ["POST", "PUT", "GET", "DELETE"];
    let method = (*made.choose(&mut world.random).unwrap_or(&"POST")).to_owned();
    let requests = Requests { method: Some(method), path: None, count };
    let when = if world.random.random_bool(0.5) { When::Before } else { When::After };
    match world.random.random_range(0..8) {
        0 => Fault::Fail { requests, status: 503, body: Body::Html, when },
        1 => Fault::Fail { requests, status: 500, body: Body::Json, when },
        2 => {
            // As a proxy may do once. Twice to what is read, and the token is bad.
            let requests = Requests { count: 1, ..requests };
            Fault::Fail { requests, status: 401, body: Body::Html, when: When::Before }
        }
        3 => Fault::Drop { requests, when },
        4 => Fault::Slow { requests, millis: 400 },
        5 => Fault::LoseEvents { count },
        6 => Fault::DuplicateEvents { count },
        _ => Fault::RateLimit { per_second: 20, burst: 5 },
    }
}

fn anybody(world: &mut World) -> String {
    format!("p{}", world.random.random_range(0..PEOPLE))
}

fn any_kind(world: &mut World) -> Kind {
    *[Kind::Echo, Kind::Stream, Kind::Tool].choose(&mut world.random).unwrap_or(&Kind::Echo)
}

fn somebody_with(world: &mut World, name: &str) -> Option<String> {
    let has = |person: &String| world.running(person, name).is_ok_and(|pids| !pids.is_empty());
    let with: Vec<String> = names(PEOPLE).into_iter().filter(has).collect();
    with.choose(&mut world.random).cloned()
}

/// In one of the person's threads, or a new one.
fn write(world: &mut World, person: &str, kind: Kind) -> Result<Asked> {
    let begins = |asked: &&Asked| asked.person == person && asked.root == asked.post;
    let threads: Vec<Asked> = world.asked.iter().filter(begins).cloned().collect();
    if threads.len() < 2 * THREADS && world.random.random_bool(0.3) || threads.is_empty() {
        return match world.random.random_bool(0.5) {
            true => world.ask_in_channel(person, kind),
            false => world.ask(person, kind),
        };
    }
    match threads.choose(&mut world.random) {
        Some(thread) => world.ask_in(thread, kind),
        None => world.ask(person, kind),
    }
}

fn is_refused(world: &World, asked: &Asked) -> Result<bool> {
    let row = ledger::row(&world.lab, asked.post)?;
    Ok(row.is_some_and(|row| row.outcome.as_deref() == Some("refused")))
}

fn every_thread_remembers(world: &mut World) -> Result<()> {
    let begins = |asked: &&Asked| asked.root == asked.post;
    let threads: Vec<Asked> = world.asked.iter().filter(begins).cloned().collect();
    eprintln!("asking in {} threads what was said there", threads.len());
    for thread in threads {
        world.remembers(&thread)?;
    }
    Ok(())
}

fn report(world: &World, figures: &Figures, took: Duration) -> Result<()> {
    for (what, times) in &figures.kills {
        eprintln!("{times:4}  {what}");
    }
    let mut seen: BTreeMap<Seen, usize> = BTreeMap::new();
    for asked in &world.asked {
        *seen.entry(world.seen(asked)).or_default() += 1;
    }
    let outcomes = ledger::rows(&world.lab)?.into_iter().filter_map(|row| row.outcome);
    let refused = outcomes.filter(|outcome| outcome == "refused").count();
    let (kills, asked) = (figures.total(), world.asked.len());
    eprintln!(
        "{kills} kills over {asked} messages in {} s (seed {}): {seen:?}, of the failed {refused} refused; none lost, none answered twice, no tool run twice, every thread remembers",
        took.as_secs(),
        world.seed
    );
    ensure!(refused * FEW <= asked, "{refused} of {asked} messages met the limit of starts");
    Ok(())
}
