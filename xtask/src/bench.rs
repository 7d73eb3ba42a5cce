//! `cargo xtask bench`: builds what is to be measured as it is shipped, and
//! measures it.
//!
//! Trust: as the caller's, who is root: workers run under accounts of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::{goose, prerequisites, run};

const MORE: &str = "\
launch: how long it takes from a request until a worker says Hello, by the side
of a bare fork and exec of the same program; how fifty people fare who come at
once; what supervisor and worker weigh.
latency: how long a person waits for a first sign and for the whole answer, by
the side of a bot without an agent on the same server.
idle: requests, processor time and memory while nobody says anything.
burst: sixty messages at once: what is lost, or answered twice.
load: five hundred conversations of fifty people that stream at once, and fewer
to see how that grows: what is lost, first signs, memory. A stub has Goose's
place: no small machine carries so many of the real one.

Everything runs in a lab of its own, against a simulated Mattermost, or the real
one that GAGGLE_MATTERMOST_URL, GAGGLE_MATTERMOST_ADMIN and
GAGGLE_MATTERMOST_PASSWORD_FILE name. The latter gets people, a bot, a team and
channels, which stay.

Figures depend on the machine and on what else it does: only ratios, sizes and
counts have targets, and differences of what would be noticed.";

/// Has Goose's place where there are too many.
const AGENT: &str = "gaggle-stub-agent";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The start of workers
    Launch,
    /// How long a person waits
    Latency,
    /// What it takes to do nothing
    Idle,
    /// Many messages at once
    Burst,
    /// Many conversations that stream at once
    Load,
}

impl What {
    const ALL: [Self; 5] = [Self::Launch, Self::Latency, Self::Idle, Self::Burst, Self::Load];

    fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Latency => "latency",
            Self::Idle => "idle",
            Self::Burst => "burst",
            Self::Load => "load",
        }
    }

    /// The real Goose answers.
    fn needs_goose(self) -> bool {
        !matches!(self, Self::Launch | Self::Load)
    }
}

/// Measure speed and size.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Bench {
    /// What to measure; everything if not given
    what: Option<What>,
    /// launch: workers to start one after the other
    #[arg(long, value_name = "N")]
    starts: Option<u32>,
    /// launch: people who come at once
    #[arg(long, value_name = "N")]
    people: Option<u32>,
    /// latency, idle, burst: how many channels the bot is in, by turns
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    channels: Vec<u32>,
    /// latency: questions in a warm thread
    #[arg(long, value_name = "N")]
    samples: Option<u32>,
    /// load: how many conversations of fifty people, by turns; growth is counted
    /// from the smallest number
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    threads: Vec<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// End with status 1 when over a target
    #[arg(long)]
    check: bool,
}

/// Builds and measures.
pub(crate) fn run(arguments: &Bench) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    if !run::is_root() {
        return Err("workers run under accounts of their own: run it as root".to_owned());
    }
    prerequisites::require(prerequisites::LAB)?;
    let programs = build()?;
    let all = arguments.what.map_or(What::ALL.to_vec(), |what| vec![what]);
    if all.iter().any(|what| what.needs_goose()) {
        goose::fetch()?;
    }
    // All of them, also if one is over its target.
    let failed: Vec<_> =
        all.iter().filter_map(|what| measure(arguments, *what, &programs).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.concat()) }
}

/// A folder with the programs as they are shipped.
fn build() -> Result<PathBuf, String> {
    let measured = ["gaggle-supervisor", "gaggle-worker", "gaggle-frontend", "gaggle"];
    let packages = measured.iter().flat_map(|name| ["--package", name]);
    run::run(run::cargo(&["build", "--release", "--locked"]).args(packages))?;
    // What they are measured by must not be slow either. Not in one go: what it
    // needs of a library would get into the programs.
    let own = ["gaggle-bench", "gaggle-lab", AGENT].into_iter().flat_map(|name| ["--bin", name]);
    let own = ["--package", "gaggle-tests"].into_iter().chain(own);
    run::run(run::cargo(&["build", "--release", "--locked"]).args(own))?;
    let target = run::target_folder()?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for name in measured.into_iter().chain([AGENT]) {
        // A copy: root's programs may have no second name, and cargo gives them one.
        let (from, to) = (target.join("release").join(name), folder.join(name));
        fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(folder)
}

fn measure(arguments: &Bench, what: What, programs: &Path) -> Result<(), String> {
    let mut bench = Command::new(run::target_folder()?.join("release/gaggle-bench"));
    bench.args([what.name(), "--programs"]).arg(programs);
    let list = |numbers: &[u32]| {
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        (!numbers.is_empty()).then(|| numbers.join(","))
    };
    let (channels, threads) = (list(&arguments.channels), list(&arguments.threads));
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let options = match what {
        What::Launch => {
            [("--starts", number(arguments.starts)), ("--people", number(arguments.people))]
        }
        What::Latency => [("--channels", channels), ("--samples", number(arguments.samples))],
        What::Idle | What::Burst => [("--channels", channels), ("", None)],
        What::Load => [("--threads", threads), ("", None)],
    };
    for (name, value) in options {
        if let Some(value) = value {
            bench.args([name, &value]);
        }
    }
    bench.args(arguments.json.then_some("--json"));
    bench.args(arguments.check.then_some("--check"));
    match bench.status() {
        Ok(status) if status.success() => Ok(()),
        // It has said what is over its target, or why it could not measure.
        Ok(_) => Err(String::new()),
        Err(error) => Err(format!("the bench could not be started: {error}")),
    }
}
