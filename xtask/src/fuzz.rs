//! `cargo xtask fuzz`: builds the fuzzer and drives every decoder with it.
//!
//! Trust: as the caller's. Nothing is written into the source tree.

mod campaign;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use crate::{prerequisites, run};
use campaign::{Campaign, Outcome};

/// What libFuzzer needs of the compiler to see which way an input went. All of
/// it is in stable compilers.
const INSTRUMENTATION: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
];

const MORE: &str = "\
Each target begins with its corpus in tests/decoders/corpus, which stays as it is.
The first build takes about a minute. An input that breaks a decoder is kept
below target/fuzz/found and its path is printed; add it to the corpus with the
repair, so that `cargo xtask test` tries it for ever.

Examples:
  cargo xtask fuzz
  cargo xtask fuzz --target control_request --secs 3600 --keep ~/gaggle-corpus";

/// Drive every decoder with made-up input.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Fuzz {
    /// How long each target is driven, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    secs: u32,
    /// Drive this target alone
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Keep inputs that reached new code in DIR, and begin with them next time
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Builds, runs and reports.
pub(crate) fn run(arguments: &Fuzz) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::FUZZ)?;
    let seeds = run::root().join("tests/decoders/corpus");
    let targets = targets(&seeds, arguments.target.as_deref())?;
    let folder = run::target_folder()?.join("fuzz");
    let program = build(&folder)?;
    let scratch = folder.join(format!("corpus-{}", std::process::id()));
    let corpus = arguments.keep.clone().unwrap_or_else(|| scratch.clone());
    let campaigns = targets.into_iter().map(|target| Campaign {
        program: program.clone(),
        seeds: seeds.join(&target),
        corpus: corpus.join(&target),
        found: folder.join("found").join(&target),
        length: Duration::from_secs(arguments.secs.into()),
        target,
    });
    let outcomes = drive(campaigns.collect());
    // What is left of it is in nobody's way.
    let _ = fs::remove_dir_all(&scratch);
    report(&outcomes?, &program)
}

/// The names of all targets, or the one that was asked for.
fn targets(seeds: &Path, wanted: Option<&str>) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(seeds).map_err(|e| format!("{}: {e}", seeds.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    match wanted {
        None => Ok(names),
        Some(name) if names.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => Err(format!("no target {name:?}; there are: {}", names.join(", "))),
    }
}

/// In a folder of its own, because of its flags. They are for what the host is
/// named as a target for, and so not for programs that run during the build.
fn build(folder: &Path) -> Result<PathBuf, String> {
    let host = host()?;
    eprintln!("── build the fuzzer");
    let mut build = run::cargo(&["build", "--locked", "--profile", "fuzz", "--target", &host]);
    build.args(["--package", "gaggle-decoders", "--features", "fuzz", "--bin", "gaggle-fuzz"]);
    build.arg("--target-dir").arg(folder);
    build.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
    run::run(&mut build)?;
    Ok(folder.join(host).join("fuzz/gaggle-fuzz"))
}

fn host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = run::read(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// Runs as many campaigns at once as there are processors.
fn drive(campaigns: VecDeque<Campaign>) -> Result<Vec<Outcome>, String> {
    let most = std::thread::available_parallelism().map_or(1, usize::from);
    eprintln!("── {} targets, {most} at a time", campaigns.len());
    let waiting = Mutex::new(campaigns);
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(campaign) = next else { return };
            let began = Instant::now();
            let outcome = campaign.run();
            if let Ok(outcome) = &outcome {
                let word = if outcome.is_clean() { "ok" } else { "BROKEN" };
                eprintln!("{word:>8} {} ({} s)", outcome.target, began.elapsed().as_secs());
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..most {
            scope.spawn(work);
        }
    });
    let mut outcomes: Vec<Outcome> = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_iter()
        .collect::<Result<_, _>>()?;
    outcomes.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(outcomes)
}

fn report(outcomes: &[Outcome], program: &Path) -> Result<(), String> {
    println!("{:<18} {:>10} {:>9} {:>6} {:>9}", "target", "inputs", "edges", "new", "peak MiB");
    for outcome in outcomes {
        println!("{outcome}");
    }
    let mut broken = 0;
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_clean()) {
        broken += 1;
        println!("\n{}: {}", outcome.target, outcome.why());
        if let Some(input) = outcome.input() {
            println!("input:  {}", input.display());
            let again = format!("GAGGLE_FUZZ_TARGET={}", outcome.target);
            println!("replay: {again} {} {}", program.display(), input.display());
        }
    }
    match broken {
        0 => Ok(()),
        1 => Err("one decoder broke".to_owned()),
        many => Err(format!("{many} decoders broke")),
    }
}
