//! What a worker taken over does beside its session: runs programs as its
//! account, ends in odd ways, makes noise, gives its descriptors away.
//!
//! Trust: as in the module above.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use gaggle_ipc::seqpacket;
use nix::sys::signal::{SigSet, Signal, raise};

pub(crate) fn act(verb: &str, rest: &str) -> Option<Result<String>> {
    let outcome = match verb {
        "sh" => shell(rest),
        "exit" => std::process::exit(rest.parse().unwrap_or(1)),
        "abort" => std::process::abort(),
        "signal" => signal(rest),
        "ignore" => ignore(),
        "sleep" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "log" => log(rest),
        "hand-log" => hand_log(rest),
        _ => return None,
    };
    Some(outcome)
}

/// Runs a script; what it prints.
fn shell(script: &str) -> Result<String> {
    let script = format!("exec 2>&1; {script}");
    let output = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sends itself a signal.
fn signal(name: &str) -> Result<String> {
    raise(name.parse::<Signal>()?)?;
    Ok(String::new())
}

/// Lets itself not be asked to end.
fn ignore() -> Result<String> {
    let polite: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    polite.thread_block()?;
    Ok(String::new())
}

/// Writes to its log as often as is said, without end if that is `0`.
fn log(words: &str) -> Result<String> {
    let (count, line) = words.split_once(' ').unwrap_or((words, ""));
    let count: u64 = count.parse()?;
    let line = format!("{}\n", line.replace("\\e", "\x1b").replace("\\n", "\n"));
    let mut out = std::io::stdout().lock();
    let mut done = 0;
    while count == 0 || done < count {
        out.write_all(line.as_bytes())?;
        done += 1;
    }
    out.flush()?;
    Ok(String::new())
}

/// Gives its log pipe to whoever listens at a path.
fn hand_log(path: &str) -> Result<String> {
    let taker = seqpacket::connect_to(Path::new(path))?;
    let log = std::io::stdout().as_fd().try_clone_to_owned()?;
    seqpacket::send(&taker, b"log", Some(&log))?;
    Ok(String::new())
}
