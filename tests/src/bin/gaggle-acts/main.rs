//! Hostile acts, one per call: what a program would try in an agent's cage,
//! where a shell has no command for it. The same program outside of the cage is
//! the control.
//!
//! Prints one line: `open` if the act worked, `held ERRNO` if the system refused
//! it. `ids` prints the effective ids instead.
//!
//! Trust: whoever starts it; it does what it is told with the rights it has.
#![deny(unsafe_code)]

mod kernel;
mod processes;
mod sockets;
mod sys;

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::unistd::{Uid, getegid, geteuid, setgroups, setresuid, truncate};

/// What became of an act.
type Outcome = Result<(), Errno>;

const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words == ["ids"] {
        println!("{} {}", geteuid(), getegid());
        return ExitCode::SUCCESS;
    }
    match act(&words) {
        Some(Ok(())) => println!("open"),
        Some(Err(errno)) => println!("held {errno:?}"),
        None => {
            eprintln!("gaggle-acts: no such act: {}", words.join(" "));
            return ExitCode::from(EXIT_USAGE);
        }
    }
    ExitCode::SUCCESS
}

fn act(words: &[&str]) -> Option<Outcome> {
    let outcome = match words {
        ["read", path] => read(path),
        ["write", path, text] => write(path, text),
        ["truncate", path] => truncate(*path, 0),
        ["fill", folder] => fill(folder),
        ["become-root"] => become_root(),
        ["run", path] => run(path),
        ["run-copy", folder] => run_copy(folder),
        ["raise-core-limit"] => setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY),
        // As root: what `setcap` does, which is not on every machine.
        ["grant", path] => sys::grant_read_of_everything(path),
        _ => {
            return processes::act(words)
                .or_else(|| sockets::act(words))
                .or_else(|| kernel::act(words));
        }
    };
    Some(outcome)
}

/// Reads at least one byte.
fn read(path: &str) -> Outcome {
    let mut file = OpenOptions::new().read(true).open(path).map_err(errno)?;
    file.read_exact(&mut [0]).map_err(errno)
}

/// Writes to a file that is there, in one piece.
fn write(path: &str, text: &str) -> Outcome {
    let file = OpenOptions::new().write(true).open(path).map_err(errno)?;
    nix::unistd::write(&file, text.as_bytes()).map(drop)
}

/// Makes empty files until there are a million.
fn fill(folder: &str) -> Outcome {
    std::fs::create_dir(folder).map_err(errno)?;
    (0..1_000_000).try_for_each(|number| {
        std::fs::File::create(format!("{folder}/{number}")).map(drop).map_err(errno)
    })
}

/// Runs a program, however that ends.
fn run(path: &str) -> Outcome {
    let mut program = Command::new(path);
    program
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(errno)
}

/// Runs a copy of this program that it has made in `folder`.
fn run_copy(folder: &str) -> Outcome {
    let copy = format!("{folder}/copy");
    std::fs::copy("/proc/self/exe", &copy).map_err(errno)?;
    let outcome = run(&copy);
    std::fs::remove_file(&copy).map_err(errno)?;
    outcome
}

fn become_root() -> Outcome {
    let root = Uid::from_raw(0);
    setgroups(&[])?;
    setresuid(root, root, root)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO))
}
