//! People who all ask at once, each in conversations of their own, and what
//! each of them hears of the answers on a WebSocket of their own.
//!
//! Trust: as in [`super::super::api`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gaggle_tests::llm::{self, Spoken};
use serde_json::json;
use tokio::task::JoinSet;

use super::super::api::{Api, User, text};
use super::super::ear::{Ear, Heard};
use super::super::question::new_word;
use super::super::world::World;

/// An answer: so many pieces at most, so long apart, in bytes together.
const PIECES: u32 = 100;
const APART: Duration = Duration::from_millis(200);
const SIZE: usize = 4000;
/// What was not heard of for so long will not come.
const LOST: Duration = Duration::from_secs(60);

/// How an answer is streamed, for people.
pub(super) fn stream() -> String {
    format!("each answer {SIZE} bytes in {PIECES} pieces, {} ms apart", APART.as_millis())
}

/// How long the agent takes for an answer: so many pieces at most.
pub(super) fn own_time() -> Duration {
    let spoken = llm::reply_to(&question(&new_word()));
    spoken.map_or(Duration::ZERO, |Spoken { pieces, delay }| {
        delay * u32::try_from(pieces.len()).unwrap_or(PIECES)
    })
}

/// How often the word is in an answer that is whole.
pub(super) fn times(word: &str) -> usize {
    (SIZE + 1).div_ceil(word.len() + 1)
}

fn question(word: &str) -> String {
    format!("stream !!reply n={PIECES} delay={} size={SIZE} | {word}", APART.as_secs_f64())
}

/// Everybody, each with a direct channel to a bot.
pub(super) struct Crowd<'a> {
    pub(super) world: &'a World,
    pub(super) bot: &'a User,
    directs: Vec<String>,
}

/// One question, and when what was heard of its answer.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    /// Who asked, by their place in the world.
    pub(super) person: usize,
    pub(super) root: String,
    pub(super) asked: String,
    pub(super) word: String,
    /// Before it was sent.
    pub(super) at: Instant,
    pub(super) heard: Progress,
}

/// When an answer was how far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// There is a first post.
    pub(super) begun: Option<Instant>,
    /// It shows something of the answer.
    pub(super) streams: Option<Instant>,
    pub(super) whole: Option<Instant>,
}

impl<'a> Crowd<'a> {
    /// Opens everybody's direct channel with `bot`.
    pub(super) async fn gather(world: &'a World, bot: &'a User) -> Result<Self> {
        let mut directs = Vec::new();
        for person in &world.people {
            let body = json!([bot.id, person.id]);
            let channel = world.server.api.post(person, "/channels/direct", body).await?;
            directs.push(text(&channel, "id")?);
        }
        Ok(Self { world, bot, directs })
    }

    /// All ask at once, each person one question after the other: in `threads` new
    /// conversations, or in those of `before` once more.
    pub(super) async fn ask(
        &self,
        threads: usize,
        before: Option<&[Exchange]>,
    ) -> Result<Vec<Exchange>> {
        let mut talkers = Vec::new();
        for (at, (person, channel)) in self.world.people.iter().zip(&self.directs).enumerate() {
            let of_one = |exchanges: &[Exchange]| {
                let own = exchanges.iter().filter(|exchange| exchange.person == at);
                own.map(|exchange| Some(exchange.root.clone())).collect()
            };
            let new = || (at..threads).step_by(self.directs.len()).map(|_| None).collect();
            let talker = Talker {
                at,
                api: self.world.server.api.clone(),
                person: person.clone(),
                bot: self.bot.id.clone(),
                channel: channel.clone(),
                roots: before.map_or_else(new, of_one),
            };
            talkers.push((talker, Ear::open(&self.world.server.api, person).await?));
        }
        // Not before all can hear.
        let mut talking = JoinSet::new();
        for (talker, ear) in talkers {
            talking.spawn(talker.talk(ear));
        }
        let mut all = Vec::new();
        while let Some(exchanges) = talking.join_next().await {
            all.extend(exchanges??);
        }
        Ok(all)
    }
}

/// One person.
struct Talker {
    at: usize,
    api: Api,
    person: User,
    bot: String,
    channel: String,
    /// The conversations to ask in; `None` for a new one.
    roots: Vec<Option<String>>,
}

impl Talker {
    async fn talk(self, mut ear: Ear) -> Result<Vec<Exchange>> {
        let mut heard: HashMap<String, Progress> = HashMap::new();
        let mut asked: Option<Vec<Exchange>> = None;
        let asking = self.ask();
        tokio::pin!(asking);
        loop {
            if let Some(asked) = &asked {
                let whole =
                    |one: &Exchange| heard.get(&one.asked).is_some_and(|h| h.whole.is_some());
                if asked.iter().all(whole) {
                    break;
                }
            }
            // An event is often there before the answer to the call that caused it.
            tokio::select! {
                all = &mut asking, if asked.is_none() => asked = Some(all?),
                word = ear.next_within(LOST) => match word {
                    Some(word) => self.note(&mut heard, &word),
                    None => break,
                },
            }
        }
        let mut asked = asked.context("a post was not taken")?;
        for exchange in &mut asked {
            exchange.heard = heard.get(&exchange.asked).copied().unwrap_or_default();
        }
        Ok(asked)
    }

    async fn ask(&self) -> Result<Vec<Exchange>> {
        let mut asked = Vec::new();
        for root in &self.roots {
            let (word, at) = (new_word(), Instant::now());
            let message = question(&word);
            let post =
                self.api.write(&self.person, &self.channel, root.as_deref(), &message).await?;
            let root = root.as_ref().unwrap_or(&post).clone();
            let heard = Progress::default();
            asked.push(Exchange { person: self.at, root, asked: post, word, at, heard });
        }
        Ok(asked)
    }

    fn note(&self, heard: &mut HashMap<String, Progress>, word: &Heard) {
        let Some(asked) = word.answers.as_ref().filter(|_| word.user == self.bot) else { return };
        let progress = heard.entry(asked.clone()).or_default();
        progress.begun.get_or_insert(word.at);
        // No text of the bot's own is as long as two pieces.
        if word.message.len() > 2 * SIZE / PIECES as usize {
            progress.streams.get_or_insert(word.at);
        }
        if word.done {
            progress.whole.get_or_insert(word.at);
        }
    }
}
