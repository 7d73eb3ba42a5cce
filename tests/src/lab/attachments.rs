//! Talking with files: attaching them as a person would, and finding those that came.
//!
//! Trust: none; files are read as Mattermost has them.

use anyhow::Result;

use super::talk::Thread;
use super::{Lab, wait};
use crate::mattermost::{Id, NewPost, Post};

/// A name and a content.
type File = (String, Vec<u8>);

impl Lab {
    /// Starts a thread with the bot in the person's direct channel, with files.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn ask_with(&self, name: &str, text: &str, files: &[(&str, &[u8])]) -> Result<Thread<'_>> {
        let person = self.person(name)?;
        let root = self.attach(name, None, text, files)?;
        self.thread(&person.name, root)
    }

    /// Posts as the person in their direct channel, with files.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub fn attach(
        &self,
        name: &str,
        root: Option<Id>,
        text: &str,
        files: &[(&str, &[u8])],
    ) -> Result<Id> {
        let person = self.person(name)?;
        let (user, channel) = (person.mattermost.id, person.direct);
        let upload =
            |(name, content): &(&str, &[u8])| self.simulator.upload(user, channel, name, content);
        let files = files.iter().map(upload).collect::<Result<_>>()?;
        let new = NewPost { message: text.to_owned(), root, files, ..NewPost::default() };
        self.simulator.post_with(user, channel, new)
    }

    /// The files that the bot posted in a thread.
    #[must_use]
    pub fn files_in(&self, root: Id) -> Vec<File> {
        let posts = self.simulator.thread(root);
        let own = posts.iter().filter(|post| post.user_id == self.bot.id);
        own.flat_map(|post| &post.file_ids).filter_map(|id| self.simulator.file(*id)).collect()
    }

    /// Waits for a post of the bot in a thread that has these words in it.
    ///
    /// # Errors
    /// There is none in time; with the thread and the logs.
    pub fn told(&self, root: Id, words: &str) -> Result<Post> {
        let found = wait::until(super::talk::ANSWER, || {
            let posts = self.simulator.thread(root);
            posts
                .into_iter()
                .find(|post| post.user_id == self.bot.id && post.message.contains(words))
        });
        found.ok_or_else(|| {
            let posts = self.simulator.thread(root).into_iter().map(|post| post.message);
            let posts: Vec<_> = posts.collect();
            anyhow::anyhow!("{words:?} is not in the thread: {posts:#?}\n{}", self.logs())
        })
    }
}
