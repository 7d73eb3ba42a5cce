//! `gaggle-frontend --look-up`: who somebody is, for the admin's command, which
//! is root and reads nothing that a server sends.
//!
//! Trust: the configuration is the admin's, the server says who is who. What is
//! printed is one line of fixed words, ids and names of checked form.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use gaggle_frontend::arguments::{EXIT_TOKEN, Who};
use gaggle_frontend::config::{Config, Environment};
use gaggle_frontend::mattermost::{Client, Error, User};
use gaggle_ipc::ids::is_username;
use secrecy::SecretString;

use crate::fail;

/// The client is patient; whoever waits at a terminal is not.
const LIMIT: Duration = Duration::from_secs(10);
/// Names that come into question for one that does not exist.
const MOST_SIMILAR: usize = 3;
/// With so many letters in common they are asked for.
const COMMON: usize = 2;
const ALIKE: f64 = 0.8;
const LONGEST_TOKEN: u64 = 4096;

/// This process's environment, with the token from standard input if there is one.
pub(crate) fn environment() -> Environment {
    let environment = Environment::of_this_process();
    let mut text = String::new();
    if std::io::stdin().is_terminal() {
        return environment;
    }
    match std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => environment.with_token(SecretString::from(text)),
        _ => environment,
    }
}

/// Looks somebody up and says so in one line.
pub(crate) fn run(config: &Config, who: &Who) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    let answer = async {
        let client = Client::new(&config.mattermost)?;
        tokio::time::timeout(LIMIT, look_up(&client, config, who)).await.unwrap_or_else(|_| {
            let cause = format!("it did not answer within {} s", LIMIT.as_secs());
            Err(Error::Unavailable { cause, maybe_done: false })
        })
    };
    match runtime.block_on(answer) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) if error.is_fatal() => fail(&error, EXIT_TOKEN),
        Err(error) => fail(&error, 1),
    }
}

async fn look_up(client: &Client, config: &Config, who: &Who) -> Result<String, Error> {
    // First: a token of no use is told as such, whoever is asked for.
    let me = client.me().await?;
    let found = match who {
        Who::Id(id) => client.users_by_ids(&[*id]).await?,
        Who::Name(name) => client.users_by_usernames(std::slice::from_ref(name)).await?,
    };
    let wanted = |user: &&User| match who {
        Who::Id(id) => user.id == *id,
        Who::Name(name) => user.username == *name,
    };
    let Some(user) = found.iter().find(wanted) else {
        return Ok(match who {
            Who::Name(name) => nobody(&similar(client, name).await),
            Who::Id(_) => nobody(&[]),
        });
    };
    let word = if user.id == me.id {
        "itself"
    } else if user.delete_at != 0 {
        "deactivated"
    } else if user.is_bot && !config.allowed_bots.contains(&user.id) {
        "bot"
    } else {
        "person"
    };
    let name = if is_username(&user.username) { &user.username } else { "-" };
    Ok(format!("{word} {} {name}", user.id))
}

fn nobody(similar: &[String]) -> String {
    similar.iter().fold("nobody".to_owned(), |line, name| format!("{line} {name}"))
}

/// Whom the admin may have meant; nobody, if the server does not tell.
async fn similar(client: &Client, name: &str) -> Vec<String> {
    let beginning: String = name.chars().take(COMMON).collect();
    let found = client.users_beginning(&beginning).await.unwrap_or_default();
    let mut alike: Vec<(f64, String)> = found
        .into_iter()
        .filter(|user| !user.is_bot && is_username(&user.username))
        .map(|user| (strsim::jaro_winkler(name, &user.username), user.username))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.into_iter().take(MOST_SIMILAR).map(|(_, name)| name).collect()
}
