//! People, a bot and channels on a server, all of them new.
//!
//! Trust: as in [`super::api`].

use anyhow::{Context, Result};
use gaggle_tests::mattermost::Id;
use serde_json::{Map, Value, json};

use super::api::{User, text};
use super::server::Server;

/// Of people who are gone after the run.
const PASSWORD: &str = "Passw0rd-for-the-bench";

/// A world. Everybody is in one team.
pub(crate) struct World {
    pub(crate) server: Server,
    /// Gaggle's bot.
    pub(crate) bot: User,
    /// The bot of the floor.
    pub(crate) floor: User,
    pub(crate) people: Vec<User>,
    /// The bot's channels; everybody is in the first ones.
    pub(crate) channels: Vec<String>,
    /// The first person and the bot of the floor are in it.
    pub(crate) floor_channel: String,
    team: String,
}

/// People talk in so many channels at most; in the others there is only the bot.
pub(crate) const TALKING: usize = 10;

/// A name that nobody has.
fn unique(prefix: &str) -> String {
    let id = Id::random();
    format!("{prefix}{}", id.as_str().get(..10).unwrap_or_default())
}

impl World {
    /// Makes so many people and channels.
    pub(crate) async fn make(people: usize, channels: usize) -> Result<Self> {
        let server = Server::find().await?;
        let admin = &server.admin;
        let name = unique("bench");
        let body = json!({ "name": name, "display_name": name, "type": "O" });
        let team = text(&server.api.post(admin, "/teams", body).await?, "id")?;
        let (floor, bot) = (bot(&server, "floor").await?, bot(&server, "goose").await?);
        let mut world = Self {
            bot,
            floor,
            people: Vec::new(),
            channels: Vec::new(),
            floor_channel: String::new(),
            team,
            server,
        };
        for _ in 0..people {
            let person = person(&world.server).await?;
            world.people.push(person);
        }
        world.furnish(channels).await?;
        Ok(world)
    }

    async fn furnish(&mut self, channels: usize) -> Result<()> {
        let all = self.people.iter().chain([&self.bot, &self.floor]);
        let all: Vec<String> = all.map(|user| user.id.clone()).collect();
        for user in &all {
            let body = json!({ "team_id": self.team, "user_id": user });
            self.change(&format!("/teams/{}/members", self.team), body).await?;
        }
        for number in 0..channels {
            let channel = self.channel().await?;
            self.join(&channel, &self.bot).await?;
            for person in self.people.iter().filter(|_| number < TALKING) {
                self.join(&channel, person).await?;
            }
            self.channels.push(channel);
        }
        self.floor_channel = self.channel().await?;
        self.join(&self.floor_channel, &self.floor).await?;
        self.join(&self.floor_channel, self.first_person()?).await
    }

    async fn channel(&self) -> Result<String> {
        let name = unique("c");
        let body = json!({ "team_id": self.team, "name": name, "display_name": name, "type": "O" });
        text(&self.change("/channels", body).await?, "id")
    }

    async fn join(&self, channel: &str, user: &User) -> Result<()> {
        let body = json!({ "user_id": user.id });
        self.change(&format!("/channels/{channel}/members"), body).await.map(drop)
    }

    async fn change(&self, path: &str, body: Value) -> Result<Value> {
        self.server.api.post(&self.server.admin, path, body).await
    }

    /// Who asks when one person does.
    pub(crate) fn first_person(&self) -> Result<&User> {
        self.people.first().context("a world without people")
    }

    /// Where they ask.
    pub(crate) fn first_channel(&self) -> Result<&str> {
        self.channels.first().map(String::as_str).context("a world without channels")
    }

    /// A question that the scripted LLM answers with `word`.
    pub(crate) fn question(&self, word: &str) -> String {
        format!("@{} !!reply n=3 | {word}", self.bot.name)
    }

    /// The mapping of the people to accounts, and those.
    pub(crate) fn mapping(&self) -> (String, Vec<String>) {
        let accounts: Vec<String> =
            (1..=self.people.len()).map(|at| format!("bench{at}")).collect();
        let ids = self.people.iter().map(|person| person.id.clone());
        let entries: Map<String, Value> =
            ids.zip(accounts.iter().map(|account| json!(account))).collect();
        (Value::Object(entries).to_string(), accounts)
    }
}

async fn person(server: &Server) -> Result<User> {
    let name = unique("person");
    let body = json!({ "username": name, "password": PASSWORD,
        "email": format!("{name}@example.com") });
    server.api.post(&server.admin, "/users", body).await?;
    server.api.log_in(&name, PASSWORD).await
}

async fn bot(server: &Server, prefix: &str) -> Result<User> {
    let name = unique(prefix);
    let body = json!({ "username": name, "display_name": name });
    let bot = server.api.post(&server.admin, "/bots", body).await;
    let id = text(&bot.context("is EnableBotAccountCreation on?")?, "user_id")?;
    let path = format!("/users/{id}/tokens");
    let token = server.api.post(&server.admin, &path, json!({ "description": "bench" })).await;
    let token = text(&token.context("is EnableUserAccessTokens on?")?, "token")?;
    Ok(User { id, name, token })
}
