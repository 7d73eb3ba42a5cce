//! One person's worker: a sandbox around the Goose processes that serve this
//! person's threads.
//!
//! Trust: root, which started this program, for identity, environment and
//! descriptors; the frontend for prompts and cancels, never for a path or a
//! command; Goose and everything below it for nothing.
#![deny(unsafe_code)]

mod acp;
mod agent_environment;
mod asks;
mod assembly;
mod cgroup;
mod config_folder;
mod ending;
mod environment;
mod exec_agent;
mod files;
mod folders;
mod goose;
mod hint;
mod identity;
mod lanes;
mod opening;
mod outbox;
mod probe;
mod programs;
mod replay;
mod role;
mod sandbox;
mod session;
mod session_options;
mod shell;
mod slots;
mod spare;
mod spawner;
mod spending;
mod stage;
mod start;
mod sys;
mod thread;
mod thread_file;
mod threads;
mod tools;
mod transfer;
mod turn;

use std::process::ExitCode;

use role::{Role, Supervision};

/// The exit status for an argument list that names no role.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    match Role::from_arguments(std::env::args_os()) {
        Role::Shell(arguments) => shell::become_bash(arguments),
        Role::ExecAgent(arguments) => exec_agent::become_agent(&arguments),
        Role::IsolationProbe(arguments) => probe::run(&arguments),
        Role::FileTransfer(arguments) => transfer::run(&arguments),
        Role::Worker => serve(Supervision::Supervised),
        Role::Unsupervised => serve(Supervision::Unsupervised),
        Role::Help => {
            println!("{}", role::HELP);
            ExitCode::SUCCESS
        }
        Role::Version => {
            println!("gaggle-worker {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Role::Unknown => {
            eprintln!("{}", role::HELP);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn serve(supervision: Supervision) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .init();
    match start::prepare(supervision) {
        Ok(ready) => session::run(ready),
        Err(refusal) => {
            eprintln!("gaggle-worker: {}: {refusal}", refusal.step().name());
            ExitCode::from(refusal.step().exit_status())
        }
    }
}
