//! People, bots and their tokens.
//!
//! Trust: whoever calls has checked that the actor may manage accounts.

use axum::http::StatusCode;

use super::error::ApiError;
use super::handle::Account;
use super::ids::Id;
use super::model::{Session, User, UserKind};
use super::state::State;

/// A person to be made.
pub(super) struct NewPerson<'a> {
    pub(super) username: &'a str,
    pub(super) email: &'a str,
    pub(super) password: &'a str,
    pub(super) admin: bool,
}

fn valid_username(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        && !["all", "channel", "matterbot", "system", "here"].contains(&name)
}

impl State {
    fn check_username(&self, username: &str) -> Result<(), ApiError> {
        self.check_room()?;
        if !valid_username(username) {
            return Err(ApiError::bad_request(
                "model.user.is_valid.username.app_error",
                "Username must begin with a letter and contain between 1 and 64 characters.",
            ));
        }
        if self.user_named(username).is_some() {
            return Err(ApiError::bad_request(
                "app.user.save.username_exists.app_error",
                "An account with that username already exists.",
            ));
        }
        Ok(())
    }

    pub(super) fn has_people(&self) -> bool {
        self.users.values().any(|user| !user.is_bot() && user.username != "simulator")
    }

    pub(super) fn add_person(&mut self, new: &NewPerson<'_>) -> Result<Id, ApiError> {
        let username = new.username.to_lowercase();
        self.check_username(&username)?;
        if self.users.values().any(|user| user.email == new.email) {
            return Err(ApiError::bad_request(
                "app.user.save.email_exists.app_error",
                "An account with that email already exists.",
            ));
        }
        let kind = UserKind::Person { password: new.password.to_owned(), admin: new.admin };
        Ok(self.insert_user(username, new.email.to_owned(), String::new(), kind))
    }

    fn insert_user(
        &mut self,
        username: String,
        email: String,
        first_name: String,
        kind: UserKind,
    ) -> Id {
        let now = self.now();
        let id = Id::random();
        let user = User {
            id,
            username,
            email,
            first_name,
            create_at: now,
            update_at: now,
            delete_at: 0,
            kind,
        };
        self.users.insert(id, user);
        id
    }

    /// The administrator the simulator itself acts as.
    pub(super) fn add_keeper(&mut self) -> Result<Account, ApiError> {
        let (username, password) = ("simulator", Id::random());
        let id = self.add_person(&NewPerson {
            username,
            email: "simulator@localhost",
            password: password.as_str(),
            admin: true,
        })?;
        let (_, token) = self.add_token(id)?;
        Ok(Account { id, username: username.to_owned(), token })
    }

    /// Makes a bot, which greets its owner in a direct message.
    pub(super) fn add_bot(
        &mut self,
        owner: Id,
        username: &str,
        display_name: &str,
        description: &str,
    ) -> Result<Id, ApiError> {
        self.check_username(username)?;
        let kind = UserKind::Bot { owner, description: description.to_owned() };
        let email = format!("{username}@localhost");
        let bot = self.insert_user(username.to_owned(), email, display_name.to_owned(), kind);
        let channel = self.direct_channel(bot, owner)?;
        let text = "Please add me to teams and channels you want me to interact in.";
        self.post_system(bot, channel, "add_bot_teams_channels", text, serde_json::Map::new());
        Ok(bot)
    }

    /// Gives a user a new token, and its id.
    pub(super) fn add_token(&mut self, user: Id) -> Result<(Id, String), ApiError> {
        self.check_room()?;
        self.user(user)?;
        let (id, token) = (Id::random(), Id::random().to_string());
        self.sessions.insert(token.clone(), Session { id, user });
        Ok((id, token))
    }

    pub(super) fn revoke_token(&mut self, id: Id) {
        self.sessions.retain(|_, session| session.id != id);
    }

    pub(super) fn revoke_tokens_of(&mut self, user: Id) {
        self.sessions.retain(|_, session| session.user != user);
    }

    pub(super) fn login(&mut self, login: &str, given: &str) -> Result<(Id, String), ApiError> {
        let user = self.users.values().find(|user| {
            let matches = user.username == login || user.email == login;
            let known =
                matches!(&user.kind, UserKind::Person { password, .. } if password == given);
            matches && known && user.delete_at == 0
        });
        let user = user.map(|user| user.id).ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "api.user.login.invalid_credentials_email_username",
                "Enter a valid email or username and/or password.",
            )
        })?;
        self.add_token(user).map(|(_, token)| (user, token))
    }

    /// Activates or deactivates a user. A bot goes with its owner.
    pub(super) fn set_active(&mut self, id: Id, active: bool) -> Result<(), ApiError> {
        self.user(id)?;
        let now = self.now();
        for user in self.users.values_mut() {
            let owned = matches!(user.kind, UserKind::Bot { owner, .. } if owner == id);
            if user.id == id || (owned && !active && user.delete_at == 0) {
                user.update_at = now;
                user.delete_at = if active { 0 } else { now };
            }
        }
        Ok(())
    }
}
