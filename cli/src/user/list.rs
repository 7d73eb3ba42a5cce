//! `gaggle user list`: everybody in the mapping.
//!
//! Trust: the supervisor's answers; without one the same files, by the same rules.

use std::process::ExitCode;

use gaggle_ipc::admin::Entry;
use gaggle_ipc::launch::Profile;
use gaggle_policy::configuration::Snapshot;

use super::arguments::ListArguments;
use super::entries;
use crate::Places;
use crate::output::{self, escaped, verdict};
use crate::status::{self, Report};

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(super) fn run(places: &Places, arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let report = status::ask(places)?;
    let running = report.is_some();
    let report = match report {
        Some(report) => report,
        None => {
            let snapshot = Snapshot::load(&places.config_dir);
            let snapshot = snapshot.map_err(|why| anyhow::anyhow!("{why}"))?;
            Report { entries: entries(&snapshot), ..Report::default() }
        }
    };
    if arguments.json {
        let array: Vec<_> = report.entries.iter().map(|entry| json(&report, entry)).collect();
        output::line(&serde_json::to_string_pretty(&array)?);
        return Ok(ExitCode::SUCCESS);
    }
    if report.entries.is_empty() {
        output::line("nobody yet; add people with: gaggle user add ACCOUNT --mattermost @NAME");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = report.entries.iter().map(|entry| row(&report, entry)).collect();
    output::line(&output::table(&["ACCOUNT", "MATTERMOST ID", "PROFILE", "STATE"], rows));
    for entry in &report.entries {
        if let Some(problem) = &entry.problem {
            let key = verdict(false, &escaped(entry.key.as_str()));
            output::line(&format!("\n{key}: {}", escaped(problem.as_str())));
        }
    }
    if !running {
        output::notice("the supervisor is not running: systemctl start gaggle");
    }
    Ok(ExitCode::SUCCESS)
}

/// One word about an entry.
pub(super) fn state(report: &Report, entry: &Entry) -> &'static str {
    let runs = report.workers.iter().any(|worker| worker.user.as_str() == entry.key.as_str());
    match (entry.problem.is_some(), runs) {
        (true, _) => "refused",
        (false, true) => "running",
        (false, false) => "ready",
    }
}

fn row(report: &Report, entry: &Entry) -> Vec<String> {
    let state = state(report, entry);
    vec![
        escaped(entry.account.as_str()),
        escaped(entry.key.as_str()),
        entry.profile.map_or("-", Profile::as_str).to_owned(),
        verdict(state != "refused", state),
    ]
}

fn json(report: &Report, entry: &Entry) -> serde_json::Value {
    let mut json = status::entry_json(entry);
    if let Some(object) = json.as_object_mut() {
        object.insert("state".to_owned(), state(report, entry).into());
    }
    json
}
