//! A small world on one server: a team, a channel, two people and a bot, with
//! names of their own, so that cases can run side by side.

use anyhow::{Context, Result, ensure};
use gaggle_tests::mattermost::Id;
use reqwest::Method;
use serde_json::{Value, json};

use super::rest::{Reply, Rest};
use super::socket::Socket;
use super::until::until;

const PASSWORD: &str = "Passw0rd-for-tests";

pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
    /// The id of the token, for a bot's.
    pub(crate) token_id: String,
}

pub(crate) struct World {
    pub(crate) rest: Rest,
    /// Major and minor number of the server's version.
    pub(crate) version: (u32, u32),
    pub(crate) admin: Person,
    pub(crate) team: String,
    pub(crate) channel: String,
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    pub(crate) bot: Person,
}

/// A name nobody has.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}{}", &Id::random().as_str()[..12])
}

impl World {
    /// Makes the world as an administrator whose login and password are given.
    pub(crate) async fn make(base: &str, login: &str, password: &str) -> Result<Self> {
        let rest = Rest::new(base)?;
        let version = version_of(&rest).await?;
        let admin = log_in(&rest, login, password).await.context("the admin's login")?;
        let alice = person(&rest, &admin.token, "alice").await?;
        let bob = person(&rest, &admin.token, "bob").await?;
        let bot = bot(&rest, &admin.token).await?;
        let name = unique("t");
        let body = json!({ "name": name, "display_name": name, "type": "O" });
        let reply = rest.call(&admin.token, Method::POST, "/teams", Some(body)).await?;
        let team = text(&reply.is(201)?, "id");
        let channel = String::new();
        let mut world = Self { rest, version, admin, team, channel, alice, bob, bot };
        for id in [&world.alice.id, &world.bob.id, &world.bot.id] {
            world.join_team(id).await?;
        }
        world.channel = world.new_channel("O").await?;
        for id in [&world.alice.id, &world.bot.id] {
            world.join(&world.channel, id).await?;
        }
        Ok(world)
    }

    async fn join_team(&self, user: &str) -> Result<()> {
        let path = format!("/teams/{}/members", self.team);
        let body = json!({ "team_id": self.team, "user_id": user });
        self.post(&self.admin, &path, body).await?.is(201).map(|_| ())
    }

    /// A new channel with the admin in it.
    pub(crate) async fn new_channel(&self, kind: &str) -> Result<String> {
        let name = unique("c");
        let body =
            json!({ "team_id": self.team, "name": name, "display_name": name, "type": kind });
        Ok(text(&self.post(&self.admin, "/channels", body).await?.is(201)?, "id"))
    }

    pub(crate) async fn join(&self, channel: &str, user: &str) -> Result<()> {
        let path = format!("/channels/{channel}/members");
        self.post(&self.admin, &path, json!({ "user_id": user })).await?.is(201)?;
        let posts = format!("/channels/{channel}/posts");
        // The server posts of it on the side; cases must not meet that later.
        until("the post that tells of the new member", async || {
            let list = self.get(&self.admin, &posts).await?.is(200)?;
            let told = list["posts"].as_object().is_some_and(|posts| {
                posts.values().any(|post| post["props"]["addedUserId"] == user)
            });
            Ok(told.then_some(()))
        })
        .await
    }

    pub(crate) async fn get(&self, who: &Person, path: &str) -> Result<Reply> {
        self.rest.call(&who.token, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, who: &Person, path: &str, body: Value) -> Result<Reply> {
        self.rest.call(&who.token, Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, who: &Person, path: &str, body: Value) -> Result<Reply> {
        self.rest.call(&who.token, Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, who: &Person, path: &str) -> Result<Reply> {
        self.rest.call(&who.token, Method::DELETE, path, None).await
    }

    pub(crate) async fn get_etag(&self, who: &Person, path: &str, etag: &str) -> Result<Reply> {
        let path = format!("/api/v4{path}");
        self.rest.send(&who.token, Method::GET, &path, None, Some(etag)).await
    }

    /// Says something in the world's channel.
    pub(crate) async fn say(&self, who: &Person, message: &str) -> Result<Value> {
        let body = json!({ "channel_id": self.channel, "message": message });
        self.post(who, "/posts", body).await?.is(201)
    }

    pub(crate) async fn reply(&self, who: &Person, root: &Value, message: &str) -> Result<Value> {
        let body =
            json!({ "channel_id": root["channel_id"], "message": message, "root_id": root["id"] });
        self.post(who, "/posts", body).await?.is(201)
    }

    pub(crate) async fn listen(&self, who: &Person) -> Result<Socket> {
        Ok(Socket::open(&self.rest.base, &who.token).await?.0)
    }

    /// The posts of the world's channel that a query selects.
    pub(crate) async fn posts(&self, query: &str) -> Result<Value> {
        let path = format!("/channels/{}/posts{query}", self.channel);
        self.get(&self.alice, &path).await?.is(200)
    }

    pub(crate) async fn direct(&self, who: &Person, other: &Person) -> Result<String> {
        let reply = self.post(who, "/channels/direct", json!([who.id, other.id])).await?;
        Ok(text(&reply.is(201)?, "id"))
    }

    pub(crate) fn since(&self, major: u32, minor: u32) -> bool {
        self.version >= (major, minor)
    }
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn id(value: &Value) -> String {
    text(value, "id")
}

/// The `order` of a list of posts.
pub(crate) fn order(list: &Value) -> Vec<String> {
    serde_json::from_value(list["order"].clone()).unwrap_or_default()
}

async fn version_of(rest: &Rest) -> Result<(u32, u32)> {
    let reply = rest.call("", Method::GET, "/system/ping", None).await?;
    let version = reply.header("x-version-id");
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => anyhow::bail!("no version in X-Version-Id {version:?}"),
    }
}

pub(crate) async fn log_in(rest: &Rest, login: &str, password: &str) -> Result<Person> {
    let body = json!({ "login_id": login, "password": password });
    let reply = rest.call("", Method::POST, "/users/login", Some(body)).await?;
    let token = reply.header("token");
    let user = reply.is(200)?;
    ensure!(!token.is_empty(), "the login gave no token");
    Ok(Person { id: id(&user), name: text(&user, "username"), token, token_id: String::new() })
}

async fn person(rest: &Rest, admin: &str, prefix: &str) -> Result<Person> {
    let name = unique(prefix);
    make_person(rest, admin, &name, PASSWORD).await?.is(201)?;
    log_in(rest, &name, PASSWORD).await
}

pub(crate) async fn make_person(
    rest: &Rest,
    by: &str,
    name: &str,
    password: &str,
) -> Result<Reply> {
    let body = json!({ "username": name, "password": password,
        "email": format!("{name}@example.com") });
    rest.call(by, Method::POST, "/users", Some(body)).await
}

async fn bot(rest: &Rest, admin: &str) -> Result<Person> {
    let name = unique("goose");
    let body = json!({ "username": name, "display_name": "Goose" });
    let reply = rest.call(admin, Method::POST, "/bots", Some(body)).await?;
    let user = text(&reply.is(201).context("is EnableBotAccountCreation on?")?, "user_id");
    let path = format!("/users/{user}/tokens");
    let body = json!({ "description": "conformance" });
    let reply = rest.call(admin, Method::POST, &path, Some(body)).await?;
    let token = reply.is(200).context("is EnableUserAccessTokens on?")?;
    Ok(Person { id: user, name, token: text(&token, "token"), token_id: id(&token) })
}
