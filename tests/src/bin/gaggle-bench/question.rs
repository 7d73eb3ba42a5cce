//! One question, and how long its answer takes for the person who asked.
//!
//! Trust: as in [`super::api`].

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use gaggle_tests::mattermost::Id;

use super::api::{Api, User};
use super::ear::{Ear, PATIENCE};

/// What a person waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From before they sent it until the first reply is there.
    pub(crate) feedback: Duration,
    /// Until the whole answer is.
    pub(crate) whole: Duration,
}

/// A word that nobody said before.
pub(crate) fn new_word() -> String {
    Id::random().as_str().get(..12).unwrap_or_default().to_owned()
}

/// Who asks whom, and where.
pub(crate) struct Question<'a> {
    pub(crate) api: &'a Api,
    pub(crate) person: &'a User,
    pub(crate) bot: &'a User,
    pub(crate) channel: &'a str,
    /// The thread; none for a new one.
    pub(crate) root: Option<&'a str>,
    pub(crate) text: &'a str,
    /// The answer.
    pub(crate) word: &'a str,
}

impl Question<'_> {
    /// Asks, and listens with an ear of the person's. Returns the question's id
    /// as well.
    pub(crate) async fn ask(&self, ear: &mut Ear) -> Result<(Times, String)> {
        ear.forget();
        let began = Instant::now();
        let writing = self.api.write(self.person, self.channel, self.root, self.text);
        tokio::pin!(writing);
        let mut asked: Option<String> = None;
        // An event is often there before the answer to the call that caused it.
        let mut early = Vec::new();
        let mut feedback = None;
        loop {
            tokio::select! {
                heard = ear.next() => early.push(heard?),
                written = &mut writing, if asked.is_none() => asked = Some(written?),
            }
            let Some(asked) = &asked else { continue };
            let root = self.root.unwrap_or(asked);
            let here =
                early.drain(..).filter(|heard| heard.user == self.bot.id && heard.root == root);
            for heard in here {
                let took = heard.at.saturating_duration_since(began);
                if heard.new {
                    feedback.get_or_insert(took);
                }
                if let Some(feedback) = feedback
                    && heard.message.contains(self.word)
                {
                    return Ok((Times { feedback, whole: took }, asked.clone()));
                }
            }
            if began.elapsed() > PATIENCE {
                bail!("no whole answer within {PATIENCE:?}");
            }
        }
    }
}
