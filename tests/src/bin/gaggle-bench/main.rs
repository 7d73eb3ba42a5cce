//! Measures Gaggle where it may not get slow or big. Started by
//! `cargo xtask bench`, which builds what is measured.
//!
//! Trust: whoever starts it is root. It changes nothing of the machine: all runs
//! in a lab. A real Mattermost, if one is named, gets people and channels.
#![forbid(unsafe_code)]

mod api;
mod burst;
mod client;
mod comparison;
mod ear;
mod figures;
mod floor;
mod gaggle;
mod idle;
mod latency;
mod launch;
mod load;
mod memory;
mod proxy;
mod question;
mod server;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use figures::Figures;

#[derive(Parser)]
#[command(name = "gaggle-bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// How fast workers start, many at once too, and what they weigh
    Launch(Launch),
    /// How long a person waits
    Latency(Latency),
    /// What it does while nobody says anything
    Idle(Idle),
    /// Many messages at once
    Burst(Burst),
    /// Many conversations that stream at once
    Load(Load),
    /// The part that is timed, inside the lab; started by `launch`
    #[command(hide = true)]
    Client,
}

#[derive(clap::Args)]
struct Common {
    /// The folder of the programs that are measured
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// End with status 1 when over a target
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct Launch {
    #[command(flatten)]
    common: Common,
    /// Workers started one after the other
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=400))]
    starts: u32,
    /// Workers started at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=100))]
    people: u32,
}

#[derive(clap::Args)]
struct Latency {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    channels: Channels,
    /// Questions in a warm thread; of the other cases a third as many
    #[arg(long, value_name = "N", default_value_t = 100)]
    samples: usize,
}

#[derive(clap::Args)]
struct Idle {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    channels: Channels,
    /// Seconds for which it is watched
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

#[derive(clap::Args)]
struct Burst {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    channels: Channels,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 60)]
    messages: usize,
    /// Milliseconds between two
    #[arg(long, value_name = "N", default_value_t = 50)]
    apart: u64,
}

#[derive(clap::Args)]
struct Load {
    #[command(flatten)]
    common: Common,
    /// How many conversations, by turns, of fifty people together; 1000 at most
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [50, 125, 250, 500])]
    threads: Vec<usize>,
}

#[derive(clap::Args)]
struct Channels {
    /// How many channels the bot is in, by turns
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [5, 50, 200])]
    channels: Vec<usize>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gaggle-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all that was to be checked is within its target.
fn run() -> Result<bool> {
    let (common, figures) = match Cli::parse().what {
        What::Client => return client::run().map(|()| true),
        What::Launch(Launch { common, starts, people }) => {
            let figures = launch::measure(&common.programs, starts, people)?;
            (common, figures)
        }
        What::Latency(Latency { common, channels, samples }) => {
            let figures = latency::measure(&common.programs, &channels.channels, samples)?;
            (common, figures)
        }
        What::Idle(Idle { common, channels, seconds }) => {
            let watch = Duration::from_secs(seconds);
            let figures = idle::measure(&common.programs, &channels.channels, watch)?;
            (common, figures)
        }
        What::Burst(Burst { common, channels, messages, apart }) => {
            let apart = Duration::from_millis(apart);
            let figures = burst::measure(&common.programs, &channels.channels, messages, apart)?;
            (common, figures)
        }
        What::Load(Load { common, threads }) => {
            let figures = load::measure(&common.programs, &threads)?;
            (common, figures)
        }
    };
    Ok(print(&common, figures))
}

fn print(common: &Common, mut figures: Figures) -> bool {
    // Times are worth little without it.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    figures.remark(&format!("load average: {}", load.trim_end()));
    if common.json {
        println!("{}", figures.json());
    } else {
        print!("{}", figures.table());
    }
    !common.check || figures.within_targets()
}
