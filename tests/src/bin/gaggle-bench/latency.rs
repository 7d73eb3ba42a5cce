//! How long a person waits for a first sign and for the whole answer, beside a
//! bot without an agent on the same server.
//!
//! Trust: none is needed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::api::User;
use super::comparison::{At, Comparison};
use super::ear::Ear;
use super::figures::{Figures, milliseconds};
use super::floor::Floor;
use super::gaggle::{Gaggle, Settings};
use super::question::{Question, Times, new_word};
use super::world::World;

/// Of the floor's first sign, at the median and for nearly all.
const FEEDBACK_P50: f64 = 1.5;
const FEEDBACK_P95: f64 = 2.0;
/// Of the floor's whole answer, in a thread that was used just now.
const WHOLE_P50: f64 = 3.0;
/// More than the floor's whole answer, in milliseconds.
const NEW_THREAD: f64 = 300.0;
const NEW_WORKER: f64 = 400.0;

/// In the world.
const PEOPLE: usize = 5;

/// A person does not ask again in the same moment.
const PAUSE: Duration = Duration::from_millis(200);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// In a thread with a Goose that waits.
    Warm,
    /// A new thread of somebody whose worker runs.
    NewThread,
    /// A new thread of somebody without a worker.
    NewWorker,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm thread",
            Self::NewThread => "new thread",
            Self::NewWorker => "new worker",
        }
    }

    /// Who ask, by turns: a person's worker may start ten times a minute.
    fn people(self) -> usize {
        if self == Self::NewWorker { PEOPLE } else { 1 }
    }

    fn settings(self) -> Settings {
        match self {
            // Its worker is gone soon after each answer.
            Self::NewWorker => Settings { goose: "worker_idle_seconds = 1", ..Settings::default() },
            Self::Warm | Self::NewThread => Settings::default(),
        }
    }
}

/// Runs it all: so many warm questions for each number of channels, a third as
/// many of the other cases.
pub(crate) fn measure(programs: &Path, channels: &[usize], samples: usize) -> Result<Figures> {
    let runtime = Runtime::new()?;
    let mut figures = Figures::default();
    for count in channels {
        let world = runtime.block_on(World::make(PEOPLE, *count))?;
        figures.remark(&world.server.name);
        let bench = Bench { runtime: &runtime, world: &world };
        let gaggle = Gaggle::start(&runtime, &world, programs, &Case::Warm.settings())?;
        for (case, samples) in [(Case::Warm, samples), (Case::NewThread, samples.div_ceil(3))] {
            bench.case(&gaggle, case, samples, &mut figures)?;
        }
        drop(gaggle);
        let gaggle = Gaggle::start(&runtime, &world, programs, &Case::NewWorker.settings())?;
        bench.case(&gaggle, Case::NewWorker, samples.div_ceil(3), &mut figures)?;
    }
    Ok(figures)
}

struct Bench<'a> {
    runtime: &'a Runtime,
    world: &'a World,
}

impl Bench<'_> {
    fn case(
        &self,
        gaggle: &Gaggle,
        case: Case,
        samples: usize,
        figures: &mut Figures,
    ) -> Result<()> {
        let (own, floor) = self.ask(gaggle, case, samples).with_context(|| gaggle.last_words())?;
        let channels = self.world.channels.len();
        let of = |times: &[Times], part: fn(&Times) -> Duration| {
            milliseconds(&times.iter().map(part).collect::<Vec<_>>())
        };
        let row = |what: &str, part| {
            let name = format!("{channels} channels, {}: {what}", case.name());
            Comparison::new(name, &of(&own, part), &of(&floor, part))
        };
        let feedback = row("first sign", |times| times.feedback);
        let whole = row("whole answer", |times| times.whole);
        figures.compare(
            feedback.at_most_times(At::P50, FEEDBACK_P50).at_most_times(At::P95, FEEDBACK_P95),
        );
        figures.compare(match case {
            Case::Warm => whole.at_most_times(At::P50, WHOLE_P50),
            Case::NewThread => whole.at_most_more(At::P50, NEW_THREAD),
            Case::NewWorker => whole.at_most_more(At::P50, NEW_WORKER),
        });
        Ok(())
    }

    /// Gaggle and the floor by turns, so that what else the machine does falls
    /// on both alike.
    fn ask(&self, gaggle: &Gaggle, case: Case, samples: usize) -> Result<(Vec<Times>, Vec<Times>)> {
        let (world, api) = (self.world, &self.world.server.api);
        // One who hears everything, whoever asks.
        let mut ear = self.runtime.block_on(Ear::open(api, world.first_person()?))?;
        let _floor =
            self.runtime.block_on(Floor::start(api, &world.floor, &world.floor_channel))?;
        let (mut own, mut floor) = (Vec::new(), Vec::new());
        // What comes first of all is not counted: it opens connections, the
        // thread that is warm later, and a home that never had a Goose.
        let mut root = None;
        for person in world.people.iter().take(case.people()) {
            root = Some(self.runtime.block_on(self.gaggle(&mut ear, person, None))?.1);
        }
        let mut floor_root = Some(self.runtime.block_on(self.floor(&mut ear, None))?.1);
        if case != Case::Warm {
            (root, floor_root) = (None, None);
        }
        for person in world.people.iter().take(case.people()).cycle().take(samples) {
            if case == Case::NewWorker {
                gaggle.without_workers()?;
            }
            std::thread::sleep(PAUSE);
            let asked = self.floor(&mut ear, floor_root.as_deref());
            floor.push(self.runtime.block_on(asked)?.0);
            own.push(self.runtime.block_on(self.gaggle(&mut ear, person, root.as_deref()))?.0);
        }
        Ok((own, floor))
    }

    async fn gaggle(
        &self,
        ear: &mut Ear,
        person: &User,
        root: Option<&str>,
    ) -> Result<(Times, String)> {
        let (world, word) = (self.world, new_word());
        let question = Question {
            api: &world.server.api,
            person,
            bot: &world.bot,
            channel: world.first_channel()?,
            root,
            text: &world.question(&word),
            word: &word,
        };
        question.ask(ear).await
    }

    async fn floor(&self, ear: &mut Ear, root: Option<&str>) -> Result<(Times, String)> {
        let (world, word) = (self.world, new_word());
        let question = Question {
            api: &world.server.api,
            person: world.first_person()?,
            bot: &world.floor,
            channel: &world.floor_channel,
            root,
            text: &format!("say {word}"),
            word: &word,
        };
        question.ask(ear).await
    }
}
