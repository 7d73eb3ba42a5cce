//! Talking in a [`Simulator`] from within the test's own process, and waiting
//! for what the program under test says.
//!
//! Trust: as in [`super::handle`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::faults::Fault;
use super::handle::{NewPost, Simulator};
use super::ids::Id;
use super::model::Post;
use super::posting::{Drafted, Wish};
use super::posts::Patch;
use super::state::State;

/// Everything that happens, from the moment of [`Simulator::subscribe`] on.
pub struct Events(broadcast::Receiver<Arc<Value>>);

impl Events {
    /// The next event: `event`, `data` and `broadcast` as on the WebSocket.
    ///
    /// # Errors
    /// When none comes in time, or more than a thousand were not taken.
    pub async fn next(&mut self, within: Duration) -> Result<Arc<Value>> {
        timeout(within, self.0.recv()).await.context("no event in time")?.context("events lost")
    }
}

impl Simulator {
    /// Posts as a user.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn post(&self, user: Id, channel: Id, message: &str) -> Result<Id> {
        let message = message.to_owned();
        self.post_with(user, channel, NewPost { message, ..NewPost::default() })
    }

    /// Replies as a user.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn reply(&self, user: Id, root: Id, message: &str) -> Result<Id> {
        let channel = self.app.read(|state| state.post(root).map(|post| post.channel_id))?;
        let message = message.to_owned();
        self.post_with(user, channel, NewPost { message, root: Some(root), ..NewPost::default() })
    }

    /// Posts as a user, with all that can be said about a post.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn post_with(&self, user: Id, channel: Id, new: NewPost) -> Result<Id> {
        let wish = Wish {
            channel: Some(channel),
            root: new.root.map(|root| root.to_string()),
            message: new.message,
            props: new.props,
            file_ids: new.files,
            ..Wish::default()
        };
        self.app.change(|state| match state.draft(user, wish)? {
            Drafted::New(mut draft) => {
                if let Some(create_at) = new.create_at {
                    draft.post.create_at = create_at;
                    draft.post.update_at = create_at;
                }
                Ok(state.commit(*draft)?)
            }
            Drafted::Again(_) => bail!("the idempotency key was used before"),
        })
    }

    /// Uploads a file as a user, to be attached to a post.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn upload(&self, user: Id, channel: Id, name: &str, content: &[u8]) -> Result<Id> {
        let (mime, content) = (super::rest_files::guess_mime(name), content.to_vec());
        let add = |state: &mut State| state.add_file(user, channel, name, mime, content.into());
        let info = self.app.change(add)?;
        info["id"].as_str().and_then(Id::parse).context("a file without an id")
    }

    /// A file's name and content, whoever may read it.
    #[must_use]
    pub fn file(&self, file: Id) -> Option<(String, Vec<u8>)> {
        let found = |state: &State| {
            state.files.get(&file).map(|file| (file.name.clone(), file.content.to_vec()))
        };
        self.app.read(found)
    }

    /// Gives a file a name that a real server would have made shorter.
    pub fn rename_file(&self, file: Id, name: &str) {
        self.app.change(|state| {
            if let Some(file) = state.files.get_mut(&file) {
                name.clone_into(&mut file.name);
            }
        });
    }

    /// Deletes a file, as an admin's data retention does.
    pub fn delete_file(&self, file: Id) {
        self.app.change(|state| state.files.remove(&file));
    }

    /// Changes the text of a user's own post.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn edit(&self, user: Id, post: Id, message: &str) -> Result<()> {
        let patch = Patch { message: Some(message.to_owned()), ..Patch::default() };
        Ok(self.app.change(|state| state.patch_post(post, user, patch))?)
    }

    /// Deletes a user's own post.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn delete(&self, user: Id, post: Id) -> Result<()> {
        Ok(self.app.change(|state| state.delete_post(post, user))?)
    }

    /// Adds a user's reaction.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn react(&self, user: Id, post: Id, emoji: &str) -> Result<()> {
        Ok(self.app.change(|state| state.react(post, user, emoji)).map(|_| ())?)
    }

    /// Takes a user's reaction back.
    ///
    /// # Errors
    /// What the server would refuse.
    pub fn unreact(&self, user: Id, post: Id, emoji: &str) -> Result<()> {
        Ok(self.app.change(|state| state.unreact(post, user, emoji))?)
    }

    /// Who reacted to a post, and with what.
    #[must_use]
    pub fn reactions(&self, post: Id) -> Vec<(Id, String)> {
        self.app.read(|state| {
            let all = state.reactions.get(&post).into_iter().flatten();
            all.map(|reaction| (reaction.user, reaction.emoji.clone())).collect()
        })
    }

    /// A post, unless it is deleted.
    #[must_use]
    pub fn get(&self, post: Id) -> Option<Post> {
        self.app.read(|state| state.post(post).ok().cloned())
    }

    /// The posts of a channel that are not deleted, oldest first.
    #[must_use]
    pub fn posts(&self, channel: Id) -> Vec<Post> {
        self.app.read(|state| {
            let live = state.timelines.get(&channel).map(|timeline| &timeline.live);
            let ids = live.into_iter().flatten().map(|(_, _, id)| id);
            ids.filter_map(|id| state.posts.get(id).cloned()).collect()
        })
    }

    /// A root and its replies, oldest first.
    #[must_use]
    pub fn thread(&self, root: Id) -> Vec<Post> {
        let Some(channel) = self.get(root).map(|post| post.channel_id) else { return Vec::new() };
        let mut posts = self.posts(channel);
        posts.retain(|post| post.id == root || post.root_id == Some(root));
        posts
    }

    /// Waits until a post of the channel is as wanted, and returns it.
    ///
    /// # Errors
    /// When none is in time; says what the channel holds instead.
    pub async fn wait_for_post(
        &self,
        channel: Id,
        within: Duration,
        wanted: impl Fn(&Post) -> bool,
    ) -> Result<Post> {
        let mut changes = self.app.changes();
        let found = timeout(within, async {
            loop {
                if let Some(post) = self.posts(channel).into_iter().find(&wanted) {
                    return Some(post);
                }
                changes.changed().await.ok()?;
            }
        });
        match found.await {
            Ok(Some(post)) => Ok(post),
            _ => {
                let texts: Vec<String> =
                    self.posts(channel).into_iter().map(|post| post.message).collect();
                bail!("no such post within {within:?}; the channel holds {texts:#?}")
            }
        }
    }

    /// Makes something go wrong. Only requests over the network suffer.
    pub fn inject(&self, fault: Fault) {
        self.app.inject(fault, None);
    }

    /// Switches all faults off; revoked tokens stay revoked.
    pub fn clear_faults(&self) {
        self.app.clear_faults();
    }

    /// How many posts are held back by [`Fault::LatePosts`] just now.
    #[must_use]
    pub fn held_posts(&self) -> usize {
        self.app.read(|state| state.held)
    }

    /// How often each method and path was asked for, ids left out:
    /// `GET /channels/*/posts`. What went beyond a limit of requests counts once
    /// more, as `REFUSED` in place of its method.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.app.requests()
    }

    /// Listens to everything that happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> Events {
        Events(self.app.read(|state| state.hub.subscribers.subscribe()))
    }
}
