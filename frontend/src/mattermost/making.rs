//! Calls that make channels.
//!
//! Trust: the server says what this account may make.

use gaggle_ipc::MattermostId;
use serde_json::json;

use super::transport::Request;
use super::{Channel, ChannelKind, Client, Error, Handle};

/// A channel to make.
#[derive(Debug, Clone)]
pub struct NewChannel<'a> {
    /// Of which team.
    pub team: MattermostId,
    /// Its name in addresses.
    pub name: &'a Handle,
    /// Its name for people.
    pub display_name: &'a str,
    /// What it is for.
    pub purpose: &'a str,
    /// By invitation, or open to the team.
    pub private: bool,
}

impl Client {
    /// Makes a channel.
    ///
    /// # Errors
    /// [`Error::Rejected`] if its name is taken.
    pub async fn create_channel(&self, new: &NewChannel<'_>) -> Result<Channel, Error> {
        let kind = if new.private { ChannelKind::Private } else { ChannelKind::Public };
        let body = json!({
            "team_id": new.team.as_str(),
            "name": new.name.as_str(),
            "display_name": new.display_name,
            "purpose": new.purpose,
            "type": if kind == ChannelKind::Private { "P" } else { "O" },
        });
        self.fetch(Request::post("channels", &body)).await
    }

    /// Makes somebody a member of a channel; one who is already is fine.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn add_channel_member(
        &self,
        channel: MattermostId,
        user: MattermostId,
    ) -> Result<(), Error> {
        let body = json!({ "user_id": user.as_str() });
        let path = format!("channels/{channel}/members");
        self.send(Request::post(path, &body).repeatable()).await.map(drop)
    }

    /// The channel of three to eight people, made if it is not there. This account
    /// is one of them.
    ///
    /// # Errors
    /// [`Error::Rejected`] for fewer or more.
    pub async fn group_channel(&self, people: &[MattermostId]) -> Result<Channel, Error> {
        let ids: Vec<&str> = people.iter().map(MattermostId::as_str).collect();
        self.fetch(Request::post("channels/group", &json!(ids)).repeatable()).await
    }
}
