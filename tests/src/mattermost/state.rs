//! The whole memory of the server, behind one lock. Everything that happens
//! to it is a method here or in the modules beside, so an event is published
//! in the same order in which its cause was stored.
//!
//! Trust: callers pass ids they looked up; each method checks permissions of
//! the user it acts for.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::ApiError;
use super::events::Hub;
use super::files::Files;
use super::ids::Id;
use super::model::{Channel, ChannelKind, Hook, Member, Post, Reaction, Session, Team, User};
use super::version::Version;

/// Most rows of one kind; a test that needs more has a leak.
pub(super) const MAX_ROWS: usize = 200_000;

/// The posts of one channel in the orders in which they are asked for.
#[derive(Default)]
pub(super) struct Timeline {
    /// All rows, deleted ones and earlier texts too, in the order of the
    /// table. An update moves a row to the end, as in PostgreSQL.
    pub(super) heap: BTreeMap<u64, Id>,
    /// What is not deleted, by time of creation and then of insertion.
    pub(super) live: BTreeSet<(i64, u64, Id)>,
    /// Earlier texts, oldest first.
    pub(super) earlier: VecDeque<(u64, Id)>,
}

/// An idempotency key that was seen lately.
pub(super) struct Pending {
    pub(super) expires_at: i64,
    /// `None` while the first call is still storing its post.
    pub(super) post: Option<Id>,
}

pub(super) struct State {
    pub(super) version: Version,
    pub(super) clock_skew_ms: i64,
    /// So many posts are made without their files.
    pub(super) lose_files: u32,
    pub(super) users: BTreeMap<Id, User>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) teams: BTreeMap<Id, Team>,
    pub(super) team_members: BTreeSet<(Id, Id)>,
    pub(super) channels: BTreeMap<Id, Channel>,
    pub(super) members: BTreeMap<(Id, Id), Member>,
    pub(super) posts: HashMap<Id, Post>,
    pub(super) timelines: HashMap<Id, Timeline>,
    pub(super) replies: HashMap<Id, Vec<Id>>,
    pub(super) reactions: BTreeMap<Id, Vec<Reaction>>,
    pub(super) pending: HashMap<String, Pending>,
    pub(super) hooks: BTreeMap<Id, Hook>,
    pub(super) files: Files,
    pub(super) hub: Hub,
    /// Posts that have their time but are not stored yet.
    pub(super) held: usize,
    next_heap: u64,
}

impl State {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            clock_skew_ms: 0,
            lose_files: 0,
            users: BTreeMap::new(),
            sessions: HashMap::new(),
            teams: BTreeMap::new(),
            team_members: BTreeSet::new(),
            channels: BTreeMap::new(),
            members: BTreeMap::new(),
            posts: HashMap::new(),
            timelines: HashMap::new(),
            replies: HashMap::new(),
            reactions: BTreeMap::new(),
            pending: HashMap::new(),
            hooks: BTreeMap::new(),
            files: Files::new(),
            hub: Hub::default(),
            held: 0,
            next_heap: 0,
        }
    }

    /// The server's clock.
    pub(super) fn now(&self) -> i64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX).saturating_add(self.clock_skew_ms)
    }

    pub(super) fn next_heap(&mut self) -> u64 {
        self.next_heap += 1;
        self.next_heap
    }

    /// The user a token stands for, if both are still good.
    pub(super) fn session(&self, token: &str) -> Result<&User, ApiError> {
        self.sessions
            .get(token)
            .and_then(|session| self.users.get(&session.user))
            .filter(|user| user.delete_at == 0)
            .ok_or_else(ApiError::session_expired)
    }

    pub(super) fn user(&self, id: Id) -> Result<&User, ApiError> {
        self.users.get(&id).ok_or_else(ApiError::missing_user)
    }

    pub(super) fn user_named(&self, username: &str) -> Option<&User> {
        self.users.values().find(|user| user.username == username)
    }

    pub(super) fn is_admin(&self, user: Id) -> bool {
        self.users.get(&user).is_some_and(User::is_admin)
    }

    /// An unknown channel is refused like a forbidden one: a client must not
    /// learn which of them it is.
    pub(super) fn channel(&self, id: Id) -> Result<&Channel, ApiError> {
        self.channels.get(&id).ok_or_else(ApiError::permissions)
    }

    pub(super) fn is_member(&self, channel: Id, user: Id) -> bool {
        self.members.contains_key(&(channel, user))
    }

    pub(super) fn members_of(&self, channel: Id) -> impl Iterator<Item = (Id, &Member)> {
        let first = Id::parse("00000000000000000000000000");
        self.members
            .range((channel, first.unwrap_or(channel))..)
            .take_while(move |((id, _), _)| *id == channel)
            .map(|((_, user), member)| (*user, member))
    }

    /// Whether `user` may post in the channel.
    pub(super) fn check_member(&self, channel: Id, user: Id) -> Result<(), ApiError> {
        self.channel(channel)?;
        if self.is_member(channel, user) || self.is_admin(user) {
            Ok(())
        } else {
            Err(ApiError::permissions())
        }
    }

    /// Whether `user` may see the channel and its single posts: its members,
    /// and of a public channel the whole team.
    pub(super) fn check_visible(&self, channel: Id, user: Id) -> Result<(), ApiError> {
        if self.check_member(channel, user).is_ok() {
            return Ok(());
        }
        let channel = self.channel(channel)?;
        let open = channel.kind == ChannelKind::Open
            && channel.team.is_some_and(|team| self.team_members.contains(&(team, user)));
        if open { Ok(()) } else { Err(ApiError::permissions()) }
    }

    /// A post that is not deleted.
    pub(super) fn post(&self, id: Id) -> Result<&Post, ApiError> {
        self.posts.get(&id).filter(|post| post.delete_at == 0).ok_or_else(ApiError::missing_post)
    }

    /// Refuses when a table has grown past any honest test.
    pub(super) fn check_room(&self) -> Result<(), ApiError> {
        let rows = [
            self.posts.len(),
            self.sessions.len(),
            self.users.len(),
            self.channels.len(),
            self.members.len(),
            self.pending.len(),
        ];
        if rows.iter().any(|rows| *rows >= MAX_ROWS) { Err(ApiError::full()) } else { Ok(()) }
    }
}
