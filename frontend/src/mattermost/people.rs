//! Calls about people.
//!
//! Trust: the server says who is who. Names can change hands; ids cannot.

use gaggle_ipc::MattermostId;
use serde_json::json;

use super::transport::Request;
use super::types::known;
use super::{Client, Error, User, wire};

/// Most names or ids in one request.
const AT_ONCE: usize = 100;

impl Client {
    /// One person or bot; also one that was deactivated.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such id.
    pub async fn user(&self, user: MattermostId) -> Result<User, Error> {
        self.fetch(Request::get(format!("users/{user}"))).await
    }

    /// Those of the people that exist, in no order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn users_by_ids(&self, ids: &[MattermostId]) -> Result<Vec<User>, Error> {
        let ids: Vec<&str> = ids.iter().map(MattermostId::as_str).collect();
        self.users("users/ids", &ids).await
    }

    /// Those of the people that exist, in no order; also deactivated ones.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn users_by_usernames(&self, names: &[String]) -> Result<Vec<User>, Error> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.users("users/usernames", &names).await
    }

    /// Active people whose name begins like this, some at most.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn users_beginning(&self, name: &str) -> Result<Vec<User>, Error> {
        let term = json!({ "term": name, "limit": AT_ONCE });
        let request = Request::post("users/search", &term).repeatable();
        Ok(known(self.fetch(request).await?).0)
    }

    /// `user` is in `team`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the bot is not in it itself and so may not know.
    pub async fn is_team_member(
        &self,
        team: MattermostId,
        user: MattermostId,
    ) -> Result<bool, Error> {
        /// Those who left are kept.
        #[derive(serde::Deserialize)]
        struct Member {
            #[serde(default, deserialize_with = "wire::or_default")]
            delete_at: i64,
        }
        let request = Request::get(format!("teams/{team}/members/{user}"));
        match self.fetch::<Member>(request).await {
            Ok(member) => Ok(member.delete_at == 0),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn users(&self, path: &'static str, of: &[&str]) -> Result<Vec<User>, Error> {
        let mut users = Vec::with_capacity(of.len());
        // An empty list is an error to the server; no chunk is empty.
        for some in of.chunks(AT_ONCE) {
            let request = Request::post(path, &json!(some)).repeatable();
            let (found, _) = known(self.fetch(request).await?);
            users.extend(found);
        }
        Ok(users)
    }
}
