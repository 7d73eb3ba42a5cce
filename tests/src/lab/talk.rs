//! Talking to the bot as a person would, and waiting for what a person waits
//! for.
//!
//! Trust: none; posts are read as Mattermost shows them.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::people::Person;
use super::settling::{self, Settling};
use super::{Lab, wait};
use crate::mattermost::{Id, Post};

/// A turn with the scripted LLM takes about a second; a busy machine longer.
pub const ANSWER: Duration = Duration::from_secs(60);

/// A thread with the bot.
#[derive(Clone)]
pub struct Thread<'lab> {
    lab: &'lab Lab,
    person: Person,
    root: Id,
    /// The last post of the person.
    asked: Id,
}

impl Lab {
    /// Starts a thread with the bot in the person's direct channel.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn ask(&self, name: &str, text: &str) -> Result<Thread<'_>> {
        let person = self.person(name)?;
        let root = self.simulator.post(person.mattermost.id, person.direct, text)?;
        Ok(Thread { lab: self, person, root, asked: root })
    }

    /// A thread that began before.
    ///
    /// # Errors
    /// The lab has no such person.
    pub fn thread(&self, name: &str, root: Id) -> Result<Thread<'_>> {
        Ok(Thread { lab: self, person: self.person(name)?, root, asked: root })
    }

    /// Asks and waits for the whole answer.
    ///
    /// # Errors
    /// There is none in time; with what the thread holds and the logs.
    pub fn answer(&self, name: &str, text: &str) -> Result<String> {
        self.ask(name, text)?.answer()
    }

    /// The person of that name.
    ///
    /// # Errors
    /// The lab has none.
    pub fn person(&self, name: &str) -> Result<Person> {
        let found = self.people.iter().find(|person| person.name == name);
        found.cloned().with_context(|| format!("nobody here is called {name}"))
    }
}

impl Thread<'_> {
    /// Says something more in the thread.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.asked = self.lab.simulator.reply(self.person.mattermost.id, self.root, text)?;
        Ok(())
    }

    /// The first post of the thread.
    #[must_use]
    pub fn root(&self) -> Id {
        self.root
    }

    /// Says something more and waits for the answer to it.
    ///
    /// # Errors
    /// As [`Thread::answer`].
    pub fn then(&mut self, text: &str) -> Result<String> {
        self.say(text)?;
        self.answer()
    }

    /// What the bot wrote after the person's last post, oldest first.
    #[must_use]
    pub fn bot_posts(&self) -> Vec<Post> {
        let posts = self.lab.simulator.thread(self.root);
        let after = posts.into_iter().skip_while(|post| post.id != self.asked);
        after.filter(|post| post.user_id == self.lab.bot.id).collect()
    }

    /// What the thread looks like now: the bot's posts as one text.
    #[must_use]
    pub fn so_far(&self) -> String {
        settling::text(&self.bot_posts())
    }

    /// Waits until the bot's answer is whole.
    ///
    /// # Errors
    /// It is not in time; with what the thread holds and the logs.
    pub fn answer(&self) -> Result<String> {
        self.answer_within(ANSWER)
    }

    /// As [`Thread::answer`], for what takes longer.
    ///
    /// # Errors
    /// As [`Thread::answer`].
    pub fn answer_within(&self, limit: Duration) -> Result<String> {
        let mut settling = Settling::default();
        let whole = wait::until(limit, || settling.look(&self.bot_posts()));
        match whole {
            Some(text) => Ok(text),
            None => self.explain("no whole answer"),
        }
    }

    /// Waits until the thread shows `wanted`, whole or not.
    ///
    /// # Errors
    /// As [`Thread::answer`].
    pub fn shows(&self, wanted: &str) -> Result<()> {
        match wait::until(ANSWER, || self.so_far().contains(wanted).then_some(())) {
            Some(()) => Ok(()),
            None => self.explain(&format!("{wanted:?} is not shown")),
        }
    }

    fn explain<T>(&self, what: &str) -> Result<T> {
        let thread: Vec<String> = self
            .lab
            .simulator
            .thread(self.root)
            .iter()
            .map(|post| format!("{} {:?} {:?}", post.user_id, post.message, post.props))
            .collect();
        bail!("{what}; the thread holds {thread:#?}\n{}", self.lab.logs())
    }
}
