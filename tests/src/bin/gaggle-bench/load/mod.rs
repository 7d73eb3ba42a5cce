//! Many conversations of many people that stream at once, and how that grows:
//! nothing may be lost, and neither the first sign nor memory may grow faster
//! than the number of conversations.
//!
//! Trust: a stub in Goose's place, as no small machine carries so many of the
//! real one. Everything else is as it is shipped: accounts, sandboxes, workers.

mod crowd;
mod floor;
mod growth;
mod outcome;
mod weight;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::figures::Figures;
use super::gaggle::{Gaggle, Settings};
use super::world::World;
use crowd::{Crowd, Exchange};
use floor::Floor;
use growth::{Measured, Side};
use outcome::Outcome;
use weight::{Processes, Spent, Weight};

/// How many people there are.
pub(crate) const PEOPLE: usize = 50;
/// In so many conversations of one person something may run at once.
pub(crate) const MOST_OF_ONE: usize = 20;
/// Who answers in Goose's place.
const AGENT: &str = "gaggle-stub-agent";
/// Between two looks at what all weigh.
const LOOK: Duration = Duration::from_secs(2);
/// Answers that come twice come soon.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// With each number of conversations, the smallest first.
pub(crate) fn measure(programs: &Path, threads: &[usize]) -> Result<Figures> {
    let mut sizes = threads.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    let most = PEOPLE * MOST_OF_ONE;
    ensure!(sizes.iter().all(|size| (1..=most).contains(size)), "--threads: 1 to {most} each");
    let runtime = Runtime::new()?;
    let world = runtime.block_on(World::make(PEOPLE, 1))?;
    let mut figures = Figures::default();
    figures.remark(&world.server.name);
    figures.remark(&format!("{PEOPLE} people, a stub in Goose's place; {}", crowd::stream()));
    let mut smallest = None;
    for size in sizes {
        let load = Load { runtime: &runtime, world: &world, size };
        let measured = load.measure(programs).with_context(|| format!("{size} threads"))?;
        measured.tell(smallest.as_ref(), &mut figures);
        smallest.get_or_insert(measured);
    }
    Ok(figures)
}

/// One number of conversations.
struct Load<'a> {
    runtime: &'a Runtime,
    world: &'a World,
    size: usize,
}

impl Load<'_> {
    fn measure(&self, programs: &Path) -> Result<Measured> {
        let floor = self.floor()?;
        self.say("Gaggle starts");
        let mut gaggle =
            Gaggle::start(self.runtime, self.world, programs, &self.settings(programs)?)?;
        self.gaggle(&mut gaggle, floor).with_context(|| gaggle.last_words())
    }

    fn gaggle(&self, gaggle: &mut Gaggle, floor: Side) -> Result<Measured> {
        let crowd = self.runtime.block_on(Crowd::gather(self.world, &self.world.bot))?;
        let processes = Processes::of(gaggle)?;
        let idle = processes.weigh(gaggle);
        let watched = (&*gaggle, &processes);
        let (first, _) = self.round(watched, &crowd, None, "new threads")?;
        let (again, weight) =
            self.round(watched, &crowd, Some(&first), "the same threads again")?;
        let spent = Spent::of(&processes, gaggle)?;
        self.say("every answer is looked at");
        let prompts = outcome::prompts(gaggle, &self.world.mapping().1);
        let side = |round: Vec<Exchange>| -> Result<Side> {
            let outcome = self.runtime.block_on(outcome::of(&crowd, &round, &prompts))?;
            Side::of(&round, outcome)
        };
        let (first, again) = (side(first)?, side(again)?);
        Ok(Measured { threads: self.size, floor, first, again, idle, weight, spent })
    }

    /// A bot without an agent, with as many.
    fn floor(&self) -> Result<Side> {
        self.say("the floor");
        let (world, floor) = (self.world, &self.world.floor);
        let round = self.runtime.block_on(async {
            let _floor = Floor::start(&world.server.api, floor).await?;
            Crowd::gather(world, floor).await?.ask(self.size, None).await
        });
        Side::of(&round?, Outcome::default())
    }

    /// Everybody asks in all their conversations; and the most that all weighed
    /// meanwhile.
    fn round(
        &self,
        (gaggle, processes): (&Gaggle, &Processes),
        crowd: &Crowd<'_>,
        before: Option<&[Exchange]>,
        what: &str,
    ) -> Result<(Vec<Exchange>, Weight)> {
        self.say(what);
        self.runtime.block_on(async {
            let asking = crowd.ask(self.size, before);
            tokio::pin!(asking);
            let mut most = Weight::default();
            let round = loop {
                tokio::select! {
                    round = &mut asking => break round?,
                    () = sleep(LOOK) => most = most.max(processes.weigh(gaggle)),
                }
            };
            sleep(AFTERWARDS).await;
            Ok((round, most))
        })
    }

    fn settings(&self, programs: &Path) -> Result<Settings> {
        let agent = programs.join(AGENT).canonicalize();
        let of_one = self.size.div_ceil(PEOPLE);
        Ok(Settings {
            agent: Some(agent.with_context(|| format!("find {AGENT}"))?),
            supervisor: format!("max_goose_per_worker = {of_one}"),
            // And the one in which it is found out whether the bot answers.
            chat: format!("max_sessions = {}", self.size + 1),
            ..Settings::default()
        })
    }

    fn say(&self, what: &str) {
        if std::io::stderr().is_terminal() {
            eprintln!("{} threads: {what}", self.size);
        }
    }
}
