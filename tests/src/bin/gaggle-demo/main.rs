//! The demo: Gaggle with a Mattermost and an LLM of its own, in this terminal.
//!
//! Trust: whoever starts it. As root it builds a lab, and what it shows is what
//! a real installation does; without root it plays the supervisor itself and
//! says which protections are missing.
#![forbid(unsafe_code)]

mod arguments;
mod chat;
mod files;
mod once;
mod paint;
mod settings;
mod solo;
mod stage;
mod view;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use arguments::Demo;
use stage::Stage;

#[derive(Parser)]
#[command(name = "gaggle-demo", about)]
struct Cli {
    #[command(flatten)]
    demo: Demo,
}

fn main() -> ExitCode {
    let Cli { demo } = Cli::parse();
    match run(&demo) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gaggle demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(demo: &Demo) -> Result<()> {
    let interrupts = chat::Interrupts::catch()?;
    let stage = Stage::set(demo)?;
    match (&demo.once, &demo.mattermost) {
        (Some(text), _) => once::run(&stage, &demo.person, text, &interrupts),
        (None, Some(url)) => chat::stand_by(&stage, url, &interrupts),
        (None, None) => chat::run(&stage, &demo.person, &interrupts),
    }
}
