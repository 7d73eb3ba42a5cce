//! Talking to the bot as a person would, and waiting for what a person waits
//! for.
//!
//! Trust: none; posts are read as Mattermost shows them.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::answers::Answer;
use super::people::Person;
use super::{Lab, wait};
use crate::mattermost::{Id, Post, Visibility};

/// A turn with the scripted LLM takes about a second; a busy machine longer.
pub const ANSWER: Duration = Duration::from_secs(60);

/// A thread with the bot.
#[derive(Clone)]
pub struct Thread<'lab> {
    lab: &'lab Lab,
    person: Person,
    root: Id,
    /// The last question of the person.
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

    /// Makes a public channel in which the bot and all people of the lab are.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn channel(&self, name: &str) -> Result<Id> {
        let channel = self.simulator.create_channel(self.team, name, Visibility::Public)?;
        let people = self.people.iter().map(|person| person.mattermost.id);
        for user in people.chain([self.bot.id]) {
            self.simulator.add_to_channel(channel, user)?;
        }
        Ok(channel)
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

    /// Says something that is no question, like `!stop`; the question before it
    /// stays the one whose answer counts.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn command(&self, text: &str) -> Result<()> {
        self.lab.simulator.reply(self.person.mattermost.id, self.root, text)?;
        Ok(())
    }

    /// What answers the last question, so far.
    #[must_use]
    pub fn so_far(&self) -> Answer {
        Answer::to(&self.lab.simulator, self.lab.bot.id, self.root, self.asked)
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
        let whole = wait::until(limit, || Some(self.so_far()).filter(Answer::is_whole));
        match whole {
            Some(answer) => Ok(answer.text()),
            None => self.explain("no whole answer"),
        }
    }

    /// As [`Thread::answer`], by a person who says no to whatever Goose asks.
    ///
    /// # Errors
    /// As [`Thread::answer`].
    pub fn answer_with_no(&self) -> Result<String> {
        let asks = |post: &&Post| post.message.contains("`!deny ");
        let whole = wait::until(ANSWER, || {
            let answer = self.so_far();
            for question in answer.posts.iter().filter(asks) {
                let simulator = &self.lab.simulator;
                simulator.react(self.person.mattermost.id, question.id, "-1").ok()?;
            }
            Some(answer).filter(Answer::is_whole)
        });
        whole.map_or_else(|| self.explain("no whole answer"), |answer| Ok(answer.text()))
    }

    /// Waits until the thread shows `wanted`, whole or not.
    ///
    /// # Errors
    /// As [`Thread::answer`].
    pub fn shows(&self, wanted: &str) -> Result<()> {
        match wait::until(ANSWER, || self.so_far().text().contains(wanted).then_some(())) {
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
