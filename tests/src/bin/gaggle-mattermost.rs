//! A simulated Mattermost and a scripted model on loopback, for a Gaggle that is
//! installed on a machine rather than built in a lab.
//!
//! Trust: whoever starts it. First it prints what that Gaggle has to be told,
//! then it reads `name: text` from standard input, says that as the person of
//! that name, and prints the bot's answer.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Answer, scripted_provider, wait, wait_for_bot};
use gaggle_tests::llm::Llm;
use gaggle_tests::mattermost::{Account, Options, Simulator};
use tokio::runtime::Runtime;

const ANSWER: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let llm = runtime.block_on(Llm::start(any))?;
    let simulator = runtime.block_on(Simulator::start(Options::default()))?;
    let bot = simulator.create_bot("goose")?;
    println!("url {}", simulator.url());
    println!("token {}", bot.token);
    let mut people = BTreeMap::new();
    for name in std::env::args().skip(1) {
        let person = simulator.create_user(&name)?;
        println!("id {name} {}", person.id.as_str());
        people.insert(name, person);
    }
    print!("{}", scripted_provider(&llm));
    let mut bot_is_up = false;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, text) = line.split_once(": ").context("write `name: text`")?;
        let person = people.get(name).with_context(|| format!("nobody is called {name}"))?;
        if !bot_is_up {
            wait_for_bot(&simulator, bot.id)?;
            bot_is_up = true;
        }
        println!("{}", ask(&simulator, &bot, person, text)?);
    }
    Ok(())
}

fn ask(simulator: &Simulator, bot: &Account, person: &Account, text: &str) -> Result<String> {
    let direct = simulator.direct_channel(person.id, bot.id)?;
    let root = simulator.post(person.id, direct, text)?;
    let so_far = || Answer::to(simulator, bot.id, root, root);
    match wait::until(ANSWER, || Some(so_far()).filter(Answer::is_whole)) {
        Some(answer) => Ok(answer.text()),
        None => Ok(format!("no whole answer: {:?}", so_far().text())),
    }
}
