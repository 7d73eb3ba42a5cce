//! What is sent to Goose: the words of the person, before them what else was
//! written in the thread, and before all what the admin says.
//!
//! Trust: only the person's words are theirs. A thread that cannot be read costs
//! the words of others, which are then told with the next turn, and never the
//! prompt. Made anew from Mattermost and the ledger, so that another process
//! would send the same.

use std::collections::HashMap;
use std::time::Duration;

use gaggle_ipc::session::MAX_PROMPT;
use gaggle_ipc::{MattermostId, TurnId, ids};
use tokio::time::timeout;

use super::{Inner, Job, Key, Live, Summary, files, root_of};
use crate::config::ContextFrom;
use crate::context::{self, Entry, Instructed, Posted, Source, Voice};
use crate::gate::{Admission, Site};
use crate::mattermost::{ChannelKind, Error, PostRef, ThreadPart, User};
use crate::state::{StateError, Told};

/// So much more of a thread goes along with the wish to have it summed up.
const SUMMED_UP: usize = 4;
/// Longest wait for what others wrote, tries included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and what Goose knows already.
#[derive(Debug)]
pub(super) struct Asking {
    key: Key,
    asked: PostRef,
    site: Site,
    text: String,
    summary: Option<Summary>,
    told: Told,
    /// How the person is called here.
    person: String,
    /// What the files of the question may take, in bytes.
    reserved: usize,
}

/// What is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Composed {
    pub(super) text: String,
    /// What Goose knows with it.
    pub(super) told: Told,
}

/// What else was written.
enum Others {
    /// This, and with it Goose knows the thread until then.
    Said(String, i64),
    /// Nobody could find out.
    Unread(Error),
}

impl Job {
    pub(super) fn asking(&self, told: Told) -> Asking {
        Asking {
            key: self.key,
            asked: self.asked,
            site: self.site,
            text: self.text.clone(),
            summary: self.summary,
            told,
            person: called(self.author.id, Some(&self.author)),
            reserved: if self.files.is_empty() { 0 } else { files::ROOM },
        }
    }
}

impl Inner {
    pub(super) async fn compose(&self, asking: Asking) -> Result<Composed, StateError> {
        let live = self.live();
        let mut told = asking.told;
        let mut front = self.instructed(&live, &asking).await?;
        told.instructions = front.by;
        if let Some((quotation, until)) = self.quoted(&live, &asking, front.text.len()).await? {
            told.seen = told.seen.max(until);
            front.text.push_str(&quotation);
        }
        Ok(Composed { text: front.text + &asking.text, told })
    }

    /// What the admin says, if Goose does not have it.
    async fn instructed(&self, live: &Live, asking: &Asking) -> Result<Instructed, StateError> {
        let key = asking.key;
        let parts = live.instructions.of(asking.asked.channel, key.user);
        // Without a session there is nothing that Goose goes by.
        let known = match asking.told.instructions {
            None => None,
            known => self.state.session(key.user, key.thread).await?.and(known),
        };
        Ok(context::instruct(&parts, known))
    }

    /// What else was written, and until when Goose then knows the thread; `None`
    /// if nothing is to go along.
    async fn quoted(
        &self,
        live: &Live,
        asking: &Asking,
        used: usize,
    ) -> Result<Option<(String, Option<i64>)>, StateError> {
        let Asking { asked, site, text, told, reserved, .. } = asking;
        let room = context::BYTES_PER_TOKEN * usize::try_from(live.context.tokens).unwrap_or(0);
        // A summary is of much more than what helps to understand a question.
        let room = if asking.summary.is_some() { room * SUMMED_UP } else { room };
        let room = room.min(MAX_PROMPT.saturating_sub(used + text.len() + reserved));
        if room == 0 {
            return Ok(None);
        }
        let root = root_of(asking.key.thread, asked.channel);
        // In a direct message nobody else writes, and every post is a prompt.
        let alone = site.kind == ChannelKind::Direct && told.seen.is_some();
        let root = root.filter(|root| *root != asked.post && !alone);
        let Some(root) = root else {
            return Ok(Some((String::new(), Some(asked.create_at))));
        };
        let others = timeout(PATIENCE, self.others(live, asking, root, room)).await;
        Ok(Some(match others.unwrap_or_else(|_| Ok(Others::Unread(late())))? {
            Others::Said(quotation, until) => (quotation, Some(until)),
            Others::Unread(error) => {
                let (user, thread) = (asking.key.user, asking.key.thread);
                tracing::warn!(%user, %thread, %error, "a prompt goes without what else was written in its thread");
                (format!("{}\n\n", context::UNREAD), None)
            }
        }))
    }

    async fn others(
        &self,
        live: &Live,
        asking: &Asking,
        root: MattermostId,
        room: usize,
    ) -> Result<Others, StateError> {
        let Asking { key, asked, told, person, summary, .. } = asking;
        // What Goose has answered itself is to be summed up, too.
        let told = match summary {
            Some(Summary { after }) => {
                &Told { seen: *after, anew: Some(TurnId(u64::MAX)), ..*told }
            }
            None => told,
        };
        let read = self.client.thread_before(root, *asked, room).await;
        let ThreadPart { posts, more } = match read {
            Ok(part) => part,
            Err(error) => return Ok(Others::Unread(error)),
        };
        let turns = self.state.thread_turns(key.thread).await?;
        let unseen = context::unseen(Source {
            posts: &posts,
            turns: &turns,
            told: *told,
            me: live.gate.me,
            name: &live.gate.name,
            asker: key.user,
        });
        let until = unseen.iter().map(|posted| posted.until).max();
        let until = until.max(Some(asked.create_at)).unwrap_or_default();
        let names = match self.people.all(unseen.iter().filter_map(author).collect()).await {
            Ok(names) => names,
            Err(error) => return Ok(Others::Unread(error)),
        };
        let counts = |posted: &Posted| match live.context.from {
            ContextFrom::Everyone => true,
            ContextFrom::Allowed => is_allowed(live, posted.voice, &names),
        };
        let entries = unseen.into_iter().filter(counts).map(|posted| entry(posted, &names));
        let entries: Vec<_> = entries.collect();
        // Before what was seen there is always more, and it is known.
        let more = more && told.seen.is_none();
        Ok(Others::Said(context::excerpt(&entries, more, person, room), until))
    }
}

fn is_allowed(live: &Live, voice: Voice, names: &HashMap<MattermostId, User>) -> bool {
    match voice {
        Voice::Own(_) => true,
        // Whoever has its address writes there.
        Voice::Webhook(_) => false,
        Voice::Person(id) => {
            names.get(&id).is_some_and(|user| live.gate.admit(user) == Admission::Admitted)
        }
    }
}

fn entry(posted: Posted, names: &HashMap<MattermostId, User>) -> Entry {
    let called = |id: MattermostId| called(id, names.get(&id));
    let by = match posted.voice {
        Voice::Person(id) => match names.get(&id) {
            Some(user) if user.is_bot => format!("{}, a bot", called(id)),
            Some(user) if !user.remote_id.is_empty() => {
                format!("{}, on another server", called(id))
            }
            _ => called(id),
        },
        Voice::Webhook(id) => format!("a webhook made by {}", called(id)),
        Voice::Own(Some(id)) => format!("you, answering {}", called(id)),
        Voice::Own(None) => "you".to_owned(),
    };
    let Posted { at, text, files, root, .. } = posted;
    Entry { by, at, text, files, root }
}

fn author(posted: &Posted) -> Option<MattermostId> {
    match posted.voice {
        Voice::Person(id) | Voice::Webhook(id) | Voice::Own(Some(id)) => Some(id),
        Voice::Own(None) => None,
    }
}

/// A person's name if it has the form of one, and their id otherwise.
fn called(id: MattermostId, user: Option<&User>) -> String {
    match user {
        Some(user) if ids::is_username(&user.username) => format!("@{}", user.username),
        _ => format!("user {id}"),
    }
}

fn late() -> Error {
    Error::Unavailable { cause: "the thread takes too long".to_owned(), maybe_done: false }
}
