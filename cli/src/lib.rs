//! The admin's command, `gaggle`: its command line and what each word of it does.
//!
//! Trust: run by root by hand. It opens no file of the frontend's and follows
//! no link below anybody's home: what belongs to an account is made as it.
#![forbid(unsafe_code)]

mod account;
mod admin_socket;
mod audit;
mod doctor;
mod home;
mod lockdown;
mod mapping_file;
mod output;
mod parts;
mod privileges;
mod run_as;
mod status;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

/// Manage Gaggle: who gets an agent, what runs, what was decided.
///
/// Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but the running
/// supervisor refuses part of it.
#[derive(Debug, Parser)]
#[command(name = "gaggle", version, arg_required_else_help = true)]
struct Gaggle {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// Where Gaggle keeps its things.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// Folder of user_mapping.json and supervisor.toml
    #[arg(long, global = true, default_value = "/etc/gaggle", value_name = "DIR")]
    config_dir: PathBuf,
    /// Folder of the supervisor's sockets
    #[arg(long, global = true, default_value = "/run/gaggle", value_name = "DIR")]
    runtime_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// People who get an agent
    #[command(subcommand)]
    User(user::UserCommand),
    /// What runs, and what is refused and why
    Status(status::StatusArguments),
    /// Privileged decisions, from the journal
    Audit(audit::AuditArguments),
    /// Stop every agent and start none, until it is lifted
    Lockdown(lockdown::LockdownArguments),
    /// Checks of what this installation promises
    #[command(subcommand)]
    Doctor(doctor::DoctorCommand),
    /// What the units of Gaggle run
    #[command(subcommand, hide = true)]
    Parts(parts::PartsCommand),
    /// The part of other commands that is not root
    #[command(hide = true)]
    RunAs(run_as::RunAsArguments),
}

/// The whole command line, for whoever writes manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Gaggle::command()
}

/// Does what this process's command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let Gaggle { places, command } = Gaggle::parse();
    let done = match command {
        Command::User(command) => user::run(&places, command),
        Command::Status(arguments) => status::run(&places, &arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Lockdown(arguments) => lockdown::run(&places, &arguments),
        Command::Doctor(command) => doctor::run(&places, &command),
        Command::Parts(command) => parts::run(&places, &command),
        Command::RunAs(arguments) => run_as::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
