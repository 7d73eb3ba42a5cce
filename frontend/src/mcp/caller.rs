//! Who calls, and with what account.
//!
//! Trust: the person is who the transport says: for an agent of Gaggle's the one whose
//! worker holds the other end, for a client of its own the one whose token it has.

use std::sync::Arc;

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId};
use tokio::sync::OnceCell;

use super::membership::Memberships;
use super::refusal::Refusal;
use crate::mattermost::{Client, Handle, Profile};
use crate::render::defuse::LinkPolicy;

/// Whose rights bound a call, besides those of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// The account is the person's own: the server's rules are all there is to it.
    Own,
    /// The account is a bot's; the person is somebody else.
    Other(MattermostUserId),
}

/// Where an agent is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// The channel.
    pub channel: MattermostId,
    /// The thread in it.
    pub thread: ThreadId,
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    pub(super) client: Client,
    pub(super) person: Person,
    pub(super) memberships: Arc<Memberships>,
    pub(super) default_team: Option<Handle>,
    pub(super) links: LinkPolicy,
    profile: OnceCell<Profile>,
}

impl Caller {
    /// Somebody for whom `client` is used. `default_team` is where channels are looked
    /// for by name if a call names no team; `links` are those that stay in what is written.
    #[must_use]
    pub fn new(
        client: Client,
        person: Person,
        default_team: Option<Handle>,
        links: LinkPolicy,
    ) -> Self {
        Self {
            client,
            person,
            memberships: Arc::default(),
            default_team,
            links,
            profile: OnceCell::new(),
        }
    }

    /// The account's own id.
    pub(super) async fn account(&self) -> Result<MattermostId, Refusal> {
        self.client.own_id().await.map_err(|error| Refusal::of("account", &error))
    }

    /// The person's id.
    pub(super) async fn person_id(&self) -> Result<MattermostId, Refusal> {
        match self.person {
            Person::Own => self.account().await,
            Person::Other(user) => Ok(user.into()),
        }
    }

    /// The person's profile, as it was when first asked for.
    pub(super) async fn person_profile(&self) -> Result<&Profile, Refusal> {
        let get = async {
            let found = match self.person {
                Person::Own => self.client.own_profile().await,
                Person::Other(user) => self.client.profile(user.into()).await,
            };
            found.map_err(|error| Refusal::of("person", &error))
        };
        self.profile.get_or_try_init(|| get).await
    }
}
