//! A simulated Mattermost with two teams, a bot and three people, and a client of
//! the tools for one of them.

use std::sync::Arc;

use gaggle_frontend::config::{Mattermost, Proxy};
use gaggle_frontend::mattermost::{Client, Handle};
use gaggle_frontend::mcp::{self, Caller, Gate, Person, Server, Writes};
use gaggle_frontend::render::defuse::LinkPolicy;
use gaggle_ipc::MattermostUserId;
use gaggle_tests::mattermost::{Account, Id, Options, Simulator, Visibility};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

pub(crate) struct Town {
    pub(crate) sim: Simulator,
    pub(crate) bot: Account,
    pub(crate) alice: Account,
    pub(crate) bob: Account,
    pub(crate) carol: Account,
    /// Everybody is in it.
    pub(crate) team: Id,
    /// Bob, Carol and the bot are in it.
    pub(crate) other_team: Id,
    /// Of all in the team.
    pub(crate) square: Id,
    /// Of Alice, Bob and the bot.
    pub(crate) shared: Id,
    /// Of Bob and the bot.
    pub(crate) bobs: Id,
    /// Of Alice and Bob, without the bot.
    pub(crate) without_bot: Id,
    /// Of the other team, public.
    pub(crate) elsewhere: Id,
    /// Of the bot and Bob.
    pub(crate) bobs_dm: Id,
    /// Of the bot and Alice.
    pub(crate) own_dm: Id,
    /// Of the bot, Bob and Carol.
    pub(crate) group: Id,
}

impl Town {
    pub(crate) async fn build() -> Self {
        let sim = Simulator::start(Options::default()).await.unwrap();
        let bot = sim.create_bot("goose").unwrap();
        let [alice, bob, carol] =
            ["alice", "bob", "carol"].map(|name| sim.create_user(name).unwrap());
        let team = sim.create_team("town").unwrap();
        let other_team = sim.create_team("island").unwrap();
        for user in [bot.id, alice.id, bob.id, carol.id] {
            sim.add_to_team(team, user).unwrap();
        }
        for user in [bot.id, bob.id, carol.id] {
            sim.add_to_team(other_team, user).unwrap();
        }
        let channel = |team, name: &str, visibility, members: &[Id]| {
            let channel = sim.create_channel(team, name, visibility).unwrap();
            for user in members {
                sim.add_to_channel(channel, *user).unwrap();
            }
            channel
        };
        let private = Visibility::Private;
        let square = channel(team, "square", Visibility::Public, &[bot.id, alice.id, bob.id]);
        let shared = channel(team, "shared", private, &[bot.id, alice.id, bob.id]);
        let bobs = channel(team, "bobs", private, &[bot.id, bob.id]);
        let without_bot = channel(team, "without-bot", private, &[alice.id, bob.id]);
        let elsewhere =
            channel(other_team, "elsewhere", Visibility::Public, &[bot.id, bob.id, carol.id]);
        let bobs_dm = sim.direct_channel(bot.id, bob.id).unwrap();
        let own_dm = sim.direct_channel(bot.id, alice.id).unwrap();
        let group = sim.group_channel(&[bot.id, bob.id, carol.id]).unwrap();
        Self {
            sim,
            bot,
            alice,
            bob,
            carol,
            team,
            other_team,
            square,
            shared,
            bobs,
            without_bot,
            elsewhere,
            bobs_dm,
            own_dm,
            group,
        }
    }

    pub(crate) fn client(&self, account: &Account) -> Client {
        Client::new(&Mattermost {
            url: self.sim.url().parse().unwrap(),
            token: account.token.as_str().into(),
            ca_file: None,
            proxy: Proxy::default(),
        })
        .unwrap()
    }

    /// The tools as the agent of `person` has them.
    pub(crate) async fn tools_of(&self, person: &Account) -> Tools {
        self.tools_with(person, Writes::Allow).await
    }

    pub(crate) async fn tools_with(&self, person: &Account, gate: impl Gate) -> Tools {
        let user = MattermostUserId::new(person.id.as_str()).unwrap();
        let (client, team) = (self.client(&self.bot), Handle::parse("town"));
        let caller = Caller::new(client, Person::Other(user), team, LinkPolicy::Plain);
        Tools::open(caller, gate).await
    }
}

/// A client of the tools.
pub(crate) struct Tools {
    read: BufReader<ReadHalf<DuplexStream>>,
    write: WriteHalf<DuplexStream>,
    next: u64,
}

impl Tools {
    pub(crate) async fn open(caller: Caller, gate: impl Gate) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(theirs);
        let server = Server::new(Arc::new(caller), gate);
        tokio::spawn(async move { mcp::serve(server, read, write).await });
        let (read, write) = tokio::io::split(ours);
        let mut tools = Self { read: BufReader::new(read), write, next: 0 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } });
        tools.ask("initialize", hello).await.unwrap();
        tools.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        tools
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.line(&message.to_string()).await;
    }

    pub(crate) async fn line(&mut self, line: &str) {
        self.write.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Value {
        let mut line = String::new();
        self.read.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The result of a request, or its error.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        loop {
            let answer = self.next().await;
            if answer["id"] == id {
                return match answer.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(answer["result"].clone()),
                };
            }
        }
    }

    pub(crate) async fn names(&mut self) -> Vec<String> {
        let listed = self.ask("tools/list", json!({})).await.unwrap();
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// What a tool gives, or why it gives nothing.
    pub(crate) async fn call(&mut self, name: &str, arguments: Value) -> Result<Value, String> {
        let params = json!({ "name": name, "arguments": arguments });
        let result = match self.ask("tools/call", params).await {
            Ok(result) => result,
            Err(error) => return Err(error["message"].as_str().unwrap().to_owned()),
        };
        if result["isError"] == true {
            return Err(result["content"][0]["text"].as_str().unwrap().to_owned());
        }
        Ok(result["structuredContent"].clone())
    }
}
