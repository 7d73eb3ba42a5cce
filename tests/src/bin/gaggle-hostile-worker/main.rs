//! A worker taken over, in the hands of a test: lies in the worker's place and
//! is started, with its account and its descriptors, as the worker would be.
//!
//! It plays the lines of the file `act` in its home, one verb each, and writes
//! what comes of them to the file `said` in the workspace. Where there is no such file
//! it becomes the worker: that account is served as always.
//!
//! Trust: the test that wrote the file.
#![forbid(unsafe_code)]

mod frames;
mod itself;
mod snares;
mod system;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use gaggle_tests::lab::spec::REAL;

use frames::Session;
use snares::Snares;

const ACT: &str = "act";
const SAID: &str = "workspace/said";

fn main() -> ExitCode {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let Ok(script) = fs::read_to_string(home.join(ACT)) else {
        let error = Command::new(Path::new(REAL).join("gaggle-worker")).exec();
        eprintln!("gaggle-hostile-worker: {error}");
        return ExitCode::FAILURE;
    };
    let mut attacker = Attacker { home, session: None, snares: Snares::default() };
    for line in script.lines().filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match attacker.act(verb, rest) {
            Ok(said) => attacker.say(&said),
            Err(error) => attacker.say(&format!("{verb}: {error:#}\n")),
        }
    }
    ExitCode::SUCCESS
}

struct Attacker {
    home: PathBuf,
    /// Taken from its number by the first verb that needs it.
    session: Option<Session>,
    snares: Snares,
}

impl Attacker {
    /// Does one thing; what is worth telling about it.
    fn act(&mut self, verb: &str, rest: &str) -> Result<String> {
        if let Some(outcome) = system::act(verb, rest).or_else(|| itself::act(verb, rest)) {
            return outcome;
        }
        match verb {
            "lay" => return self.snares.lay(rest),
            "visits" => return Ok(self.snares.visits()),
            "close" => {
                self.session = None;
                return Ok(String::new());
            }
            _ => {}
        }
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::inherited()?),
        };
        match frames::act(session, verb, rest) {
            Some(outcome) => outcome,
            None => bail!("no such verb"),
        }
    }

    fn say(&self, text: &str) {
        let file = OpenOptions::new().create(true).append(true).open(self.home.join(SAID));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written.context("tell the test") {
            eprintln!("gaggle-hostile-worker: {error:#}");
        }
    }
}
