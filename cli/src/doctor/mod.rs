//! `gaggle doctor`: checks of what this installation promises.
//!
//! Trust: each check says whom it believes.

mod advice;
mod handover;
mod isolation;
mod reader;
mod report;
mod session;
mod units;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use gaggle_ipc::{AccountName, MattermostUserId};

use crate::Places;

/// Subcommands of `gaggle doctor`.
#[derive(Debug, Subcommand)]
pub(crate) enum DoctorCommand {
    /// Attack everybody's sandbox from within, and report what held
    ///
    /// Starts a worker of its own for each person, beside any that runs, and
    /// has it try a list of attacks where the person's agent would run. They
    /// do no harm where a defence is open.
    ///
    /// Exit status: 0 all held, 1 something is open, or somebody's sandbox
    /// could not be probed, 2 wrong usage.
    Isolation(IsolationArguments),
    /// Compare the services with how they were packaged
    ///
    /// A drop-in or another unit that confines a service less is named, with
    /// what is in force.
    ///
    /// Exit status: 0 all as packaged, 1 something differs or could not be
    /// compared, 2 wrong usage.
    Units(UnitsArguments),
    /// The half of `isolation` without privileges
    #[command(hide = true)]
    ReadSessions(ReadArguments),
}

/// Arguments of `gaggle doctor isolation`.
#[derive(Debug, Args)]
pub(crate) struct IsolationArguments {
    /// Only the people of this Linux account
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountName::new)]
    account: Option<AccountName>,
    /// Print one JSON object, a report to keep, instead of tables
    #[arg(long)]
    json: bool,
}

/// Arguments of `gaggle doctor units`.
#[derive(Debug, Args)]
pub(crate) struct UnitsArguments {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Arguments of `gaggle doctor read-sessions`.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// As for `isolation`
    #[arg(long)]
    json: bool,
    /// A line about one person
    #[arg(long)]
    brief: bool,
}

/// Shows with one start whether a person can be served, in a line. Returns
/// whether they can.
///
/// # Errors
/// If it was not tried.
pub(crate) fn prove(places: &Places, user: MattermostUserId, quiet: bool) -> anyhow::Result<bool> {
    isolation::prove(places, user, quiet)
}

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn run(places: &Places, command: &DoctorCommand) -> anyhow::Result<ExitCode> {
    match command {
        DoctorCommand::Isolation(arguments) => {
            isolation::run(places, arguments.account.as_ref(), arguments.json)
        }
        DoctorCommand::Units(arguments) => units::run(arguments.json),
        DoctorCommand::ReadSessions(arguments) => reader::run(arguments.json, arguments.brief),
    }
}
