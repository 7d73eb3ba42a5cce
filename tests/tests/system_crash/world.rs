//! The people of a crash test, what they write, and what must come of it.
//!
//! Trust: none; they look at posts, at files that their commands made, and at
//! the ledger.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use gaggle_tests::lab::{Lab, Which, wait, wait_for_bot};
use gaggle_tests::mattermost::{Id, Visibility};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ledger;
use crate::seen::{QUESTION, Seen};

/// Everything has its outcome within this after a kill.
pub(crate) const SETTLED: Duration = Duration::from_secs(90);
/// Names the seed of a run that is to be repeated.
const ENV_SEED: &str = "GAGGLE_TEST_SEED";

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To be said back.
    Echo,
    /// An answer in two pieces, the second not before it is let go.
    Stream,
    /// The same, but nothing at all before that.
    Silence,
    /// A line in a file, not done before it is let go.
    Tool,
    /// All that was said in the thread.
    Recall,
}

/// A message to the bot.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// A word that no other message has.
    pub(crate) word: String,
    /// Who wrote it.
    pub(crate) person: String,
    /// The thread.
    pub(crate) root: Id,
    pub(crate) post: Id,
}

impl Asked {
    /// The whole answer.
    pub(crate) fn is_answered_by(&self, text: &str) -> bool {
        let word = &self.word;
        match self.kind {
            Kind::Echo => text.contains(&format!("said {word}")),
            Kind::Stream | Kind::Silence => {
                text.contains(&format!("begin {word} and so on until {word} ends"))
            }
            Kind::Tool => text.contains(&format!("ran {word}")),
            Kind::Recall => text.contains(word.as_str()),
        }
    }
}

fn text(kind: Kind, word: &str) -> String {
    let long = format!("begin {word} and so on until {word} ends");
    match kind {
        Kind::Echo => format!("!!reply | said {word}"),
        Kind::Stream => format!("!!reply n=2 hold=1 | {long}"),
        Kind::Silence => format!("!!reply n=2 hold=0 | {long}"),
        Kind::Tool => format!(
            "!!shell | echo {word} >> lines; while test -e hold; do sleep 0.02; done; echo ran {word}"
        ),
        Kind::Recall => format!("{word} !!recall"),
    }
}

/// A lab with people in it who have written so much.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) asked: Vec<Asked>,
    pub(crate) random: StdRng,
    pub(crate) seed: u64,
    /// A channel that all are in.
    channel: Id,
    /// Questions that were answered with yes.
    allowed: HashSet<Id>,
    /// So many of those asked first have their outcome.
    settled: usize,
}

/// Names for so many people.
pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number}")).collect()
}

impl World {
    /// Starts a lab with `people` people beside alice and bob; `None` where there
    /// can be none.
    #[track_caller]
    pub(crate) fn start(people: usize) -> Result<Option<Self>> {
        let Some(mut world) = Self::prepare(people)? else { return Ok(None) };
        world.open()?;
        Ok(Some(world))
    }

    /// The same without the frontend, to be opened.
    #[track_caller]
    pub(crate) fn prepare(people: usize) -> Result<Option<Self>> {
        let builder = names(people).iter().fold(Lab::builder(), |b, name| b.person(name));
        let builder = builder.goose_section("mode = \"approve\"").without_frontend();
        let Some(lab) = builder.supervisor("max_goose_per_worker = 2").start_if_possible()? else {
            return Ok(None);
        };
        let channel = lab.simulator.create_channel(lab.team, "all", Visibility::Public)?;
        lab.simulator.add_to_channel(channel, lab.bot.id)?;
        for name in names(people) {
            lab.simulator.add_to_channel(channel, lab.person(&name)?.mattermost.id)?;
        }
        let seed = std::env::var(ENV_SEED).ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(rand::random);
        // Shown if the test fails.
        println!("{ENV_SEED}={seed}");
        let random = StdRng::seed_from_u64(seed);
        let (asked, allowed) = (Vec::new(), HashSet::new());
        Ok(Some(Self { lab, asked, random, seed, channel, allowed, settled: 0 }))
    }

    /// Starts the frontend for the first time.
    pub(crate) fn open(&mut self) -> Result<()> {
        self.lab.start(Which::Frontend)?;
        wait_for_bot(&self.lab.simulator, self.lab.bot.id)
    }

    /// Begins a thread in the person's direct channel.
    pub(crate) fn ask(&mut self, person: &str, kind: Kind) -> Result<Asked> {
        self.write(person, kind, None, false)
    }

    /// Goes on in a thread.
    pub(crate) fn ask_in(&mut self, thread: &Asked, kind: Kind) -> Result<Asked> {
        let person = thread.person.clone();
        self.write(&person, kind, Some(thread.root), false)
    }

    /// Begins a thread in the channel that all are in.
    pub(crate) fn ask_in_channel(&mut self, person: &str, kind: Kind) -> Result<Asked> {
        self.write(person, kind, None, true)
    }

    fn write(&mut self, name: &str, kind: Kind, root: Option<Id>, channel: bool) -> Result<Asked> {
        let person = self.lab.person(name)?;
        let word = format!("word{:04}", self.asked.len());
        let message = text(kind, &word);
        let simulator = &self.lab.simulator;
        let post = match root {
            Some(root) => {
                simulator.reply(person.mattermost.id, root, &self.said(root, &message))?
            }
            None if channel => {
                let message = format!("@goose {message}");
                simulator.post(person.mattermost.id, self.channel, &message)?
            }
            None => simulator.post(person.mattermost.id, person.direct, &message)?,
        };
        let person = person.name;
        let asked = Asked { kind, word, person, root: root.unwrap_or(post), post };
        self.asked.push(asked.clone());
        Ok(asked)
    }

    /// In a channel the bot is called in each message.
    fn said(&self, root: Id, message: &str) -> String {
        let channel = self.lab.simulator.get(root).map(|post| post.channel_id);
        if channel == Some(self.channel) { format!("@goose {message}") } else { message.to_owned() }
    }

    /// Somebody's workspace.
    pub(crate) fn workspace(&self, person: &str) -> PathBuf {
        self.lab.namespace.seen(format!("/home/{person}/workspace"))
    }

    /// How often a command wrote its line.
    pub(crate) fn lines(&self, asked: &Asked) -> usize {
        let lines = fs::read_to_string(self.workspace(&asked.person).join("lines"));
        lines.unwrap_or_default().lines().filter(|line| *line == asked.word).count()
    }

    /// Says yes, once, to each question that was not answered yet.
    pub(crate) fn allow(&mut self) -> Result<()> {
        let open = self.asked.iter().skip(self.settled);
        for asked in open.filter(|asked| asked.kind == Kind::Tool) {
            for post in self.questions(asked)? {
                if self.allowed.insert(post) {
                    let person = self.lab.person(&asked.person)?;
                    self.lab.simulator.react(person.mattermost.id, post, "+1")?;
                }
            }
        }
        Ok(())
    }

    /// The posts that ask whether its tool may run, with the command in them.
    pub(crate) fn questions(&self, asked: &Asked) -> Result<Vec<Id>> {
        let direct = self.lab.person(&asked.person)?.direct;
        let posts = self.lab.simulator.posts(direct).into_iter();
        let asks = posts.filter(|post| {
            post.user_id == self.lab.bot.id
                && post.message.starts_with(QUESTION)
                && post.message.contains(&format!("ran {}", asked.word))
        });
        Ok(asks.map(|post| post.id).collect())
    }

    /// Waits for a state of things.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> Result<T> {
        match wait::until(SETTLED, look) {
            Some(found) => Ok(found),
            None => bail!("{what}: not so\n{}", self.story()),
        }
    }

    /// Waits until everything that was asked has its outcome; people say yes to
    /// what they are asked meanwhile.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let mut left = self.asked.split_off(self.settled);
        self.asked.extend(left.iter().cloned());
        let settled = wait::until(SETTLED, || {
            if let Err(error) = self.allow() {
                return Some(Err(error));
            }
            left.retain(|asked| matches!(self.seen(asked), Seen::Open(_)));
            left.is_empty().then_some(Ok(()))
        });
        match settled {
            Some(settled) => {
                self.settled = self.asked.len();
                settled
            }
            None => {
                let left = left.iter().map(|asked| (asked.clone(), self.seen(asked)));
                bail!("these wait for ever: {:#?}\n{}", left.collect::<Vec<_>>(), self.story())
            }
        }
    }

    /// What each message came to must be the same in its thread, in the ledger
    /// and in the files that its command made.
    pub(crate) fn check(&self) -> Result<()> {
        // The last word is in the thread before it is in the ledger.
        let open =
            || ledger::rows(&self.lab).ok()?.iter().all(|r| r.outcome.is_some()).then_some(());
        self.until("the ledger has no open turn", open)?;
        let rows = ledger::rows(&self.lab)?;
        for asked in &self.asked {
            let seen = self.seen(asked);
            let of_it: Vec<_> = rows.iter().filter(|row| row.post == asked.post.as_str()).collect();
            let [row] = of_it[..] else { bail!("{asked:?} has {} rows", of_it.len()) };
            let outcome = row.outcome.as_deref().unwrap_or_default();
            ensure!(
                seen.outcomes().contains(&outcome),
                "{asked:?} is {seen:?} in its thread and {outcome} in the ledger\n{}",
                self.story()
            );
            if asked.kind == Kind::Tool {
                let lines = self.lines(asked);
                let fair = lines == 1 || (lines == 0 && seen != Seen::Answered);
                ensure!(fair, "{asked:?}, {seen:?}, ran {lines} times\n{}", self.story());
            }
        }
        self.no_stray_posts()
    }

    /// Every post of the bot belongs to a message, and none has two.
    pub(crate) fn no_stray_posts(&self) -> Result<()> {
        let mut known: HashSet<Id> = HashSet::new();
        let mut roots = HashSet::new();
        for asked in &self.asked {
            known.extend(self.posts_of(asked).posts.iter().map(|post| post.id));
            roots.insert(asked.root);
        }
        for root in roots {
            for post in self.lab.simulator.thread(root) {
                let ours = post.user_id == self.lab.bot.id && !post.message.contains(QUESTION);
                if ours && !known.contains(&post.id) {
                    bail!("nobody asked for {:?}\n{}", post.message, self.story());
                }
            }
        }
        Ok(())
    }

    /// The thread still knows what was answered in it.
    pub(crate) fn remembers(&mut self, thread: &Asked) -> Result<()> {
        let before: Vec<Asked> =
            self.asked.iter().filter(|asked| asked.root == thread.root).cloned().collect();
        let recall = self.ask_in(thread, Kind::Recall)?;
        self.settle()?;
        ensure!(self.seen(&recall) == Seen::Answered, "{recall:?}\n{}", self.story());
        let said = self.posts_of(&recall).text();
        for asked in before {
            let whole = self.seen(&asked) == Seen::Answered;
            ensure!(
                !whole || said.contains(&asked.word),
                "{asked:?} is forgotten: {said}\n{}",
                self.story()
            );
        }
        Ok(())
    }

    /// All that could explain a failure.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("{ENV_SEED}={}\n", self.seed);
        for asked in &self.asked {
            story += &format!("{asked:?}: {:?}\n", self.seen(asked));
        }
        story += &format!("{:#?}\n", ledger::rows(&self.lab));
        story + &self.lab.logs()
    }

    /// Where one of the person's processes of that name runs.
    pub(crate) fn running(&self, person: &str, name: &str) -> Result<Vec<i32>> {
        let uid = self.lab.person(person)?.uid;
        let mut pids = self.lab.namespace.people_running(name);
        pids.retain(|pid| uid_of(*pid) == Some(uid));
        Ok(pids)
    }
}

fn uid_of(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}
