//! `gaggle status`: what runs, and what is refused and why.
//!
//! Trust: the supervisor's answers.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use gaggle_ipc::admin::{AdminReply, AdminRequest, Entry, Summary, Worker};
use gaggle_ipc::landlock::{BelowFloor, lacking};
use serde_json::json;

use crate::output::{self, span, verdict};
use crate::{Places, admin_socket};

/// Arguments of `gaggle status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// The answer, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) summary: Option<Summary>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) workers: Vec<Worker>,
}

/// Asks for everything; `None` if no supervisor runs.
///
/// # Errors
/// As [`admin_socket::ask`].
pub(crate) fn ask(places: &Places) -> anyhow::Result<Option<Report>> {
    let Some(replies) = admin_socket::ask(places, &AdminRequest::Status)? else { return Ok(None) };
    let mut report = Report::default();
    for reply in replies {
        match reply {
            AdminReply::Summary(summary) => report.summary = Some(summary),
            AdminReply::Entry(entry) => report.entries.push(entry),
            AdminReply::Worker(worker) => report.workers.push(worker),
            _ => {}
        }
    }
    Ok(Some(report))
}

/// Runs the command.
///
/// # Errors
/// If the supervisor cannot be asked.
pub(crate) fn run(places: &Places, arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let report = ask(places)?;
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&as_json(report.as_ref()))?);
    } else {
        show(report.as_ref());
    }
    Ok(if report.is_some_and(|report| healthy(&report)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

fn healthy(report: &Report) -> bool {
    let summary_good = report.summary.as_ref().is_some_and(|s| {
        let sound = s.stale.is_none() && s.journal && s.frontend_connected;
        sound && !s.lockdown && s.landlock_abi >= s.landlock_floor
    });
    summary_good && report.entries.iter().all(|entry| entry.problem.is_none())
}

fn show(report: Option<&Report>) {
    let Some(report) = report else {
        output::line(&format!("supervisor  {}", verdict(false, "not running")));
        output::line("            start it: systemctl start gaggle");
        output::line("            if it does not stay: journalctl -u gaggle-supervisor -n 20");
        return;
    };
    if let Some(summary) = &report.summary {
        show_summary(summary);
    }
    let refused: Vec<_> = report.entries.iter().filter(|e| e.problem.is_some()).collect();
    let usable = report.entries.len() - refused.len();
    output::line(&format!("people      {usable} mapped, {} refused", refused.len()));
    for entry in refused {
        let problem = entry.problem.as_ref().map(ToString::to_string).unwrap_or_default();
        output::line(&format!("            {}: {problem}", verdict(false, entry.key.as_str())));
    }
    output::line(&format!("workers     {}", report.workers.len()));
    if !report.workers.is_empty() {
        let rows = report.workers.iter().map(worker_row).collect();
        output::line("");
        output::line(&output::table(
            &["WORKER", "ACCOUNT", "UID", "PID", "RUNS FOR", "MATTERMOST ID"],
            rows,
        ));
    }
}

fn show_summary(summary: &Summary) {
    output::line(&format!(
        "supervisor  {} {}, up {}",
        verdict(true, "running"),
        summary.version,
        span(now().saturating_sub(summary.started))
    ));
    if summary.lockdown {
        let line = verdict(false, "locked down, no agent is started");
        output::line(&format!("            {line}; lift it: gaggle lockdown off"));
    }
    if let Some(why) = &summary.stale {
        output::line(&format!(
            "            {}: {why}",
            verdict(false, "an earlier configuration is in force")
        ));
    }
    let frontend = if summary.frontend_connected { "connected" } else { "not connected" };
    output::line(&format!("frontend    {}", verdict(summary.frontend_connected, frontend)));
    let enough = summary.landlock_abi >= summary.landlock_floor;
    let landlock = format!("ABI {} (floor {})", summary.landlock_abi, summary.landlock_floor);
    output::line(&format!("Landlock    {}", verdict(enough, &landlock)));
    if let Some(more) = about_landlock(summary.landlock_abi, summary.landlock_floor) {
        output::line(&format!("            {}", output::unsettled(&more)));
    }
    let journal =
        if summary.journal { "takes audit records" } else { "does not take audit records" };
    output::line(&format!("journal     {}", verdict(summary.journal, journal)));
    if !summary.missing_controllers.as_str().is_empty() {
        let missing = format!("not enforced: no cgroup controller {}", summary.missing_controllers);
        output::line(&format!("limits      {}", output::unsettled(&missing)));
    }
}

/// What there is to say of a kernel that has not all of it.
fn about_landlock(abi: u8, floor: u8) -> Option<String> {
    if abi < floor || abi == 0 {
        return Some(format!("no agent is started: {}", BelowFloor { abi, floor }));
    }
    let missing = lacking(abi);
    (!missing.is_empty()).then(|| format!("agents go without what this kernel lacks: {missing}"))
}

fn worker_row(worker: &Worker) -> Vec<String> {
    vec![
        worker.worker.to_string(),
        worker.account.to_string(),
        worker.uid.to_string(),
        worker.pid.to_string(),
        span(now().saturating_sub(worker.started)),
        worker.user.to_string(),
    ]
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// One entry as JSON, the same in `status` and `user list`.
pub(crate) fn entry_json(entry: &Entry) -> serde_json::Value {
    json!({
        "mattermost_id": entry.key.as_str(),
        "account": entry.account.as_str(),
        "home": entry.profile.map(gaggle_ipc::launch::Profile::as_str),
        "problem": entry.problem.as_ref().map(|problem| problem.as_str()),
    })
}

fn as_json(report: Option<&Report>) -> serde_json::Value {
    let Some(report) = report else { return json!({ "version": 1, "running": false }) };
    let summary = report.summary.as_ref();
    json!({
        "version": 1,
        "running": true,
        "supervisor_version": summary.map(|s| s.version.as_str()),
        "started_unix": summary.map(|s| s.started),
        "frontend_connected": summary.map(|s| s.frontend_connected),
        "journal": summary.map(|s| s.journal),
        "landlock_abi": summary.map(|s| s.landlock_abi),
        "landlock_floor": summary.map(|s| s.landlock_floor),
        "lockdown": summary.map(|s| s.lockdown),
        "missing_controllers": summary.map(|s| {
            s.missing_controllers.as_str().split_whitespace().collect::<Vec<_>>()
        }),
        "stale": summary.and_then(|s| s.stale.as_ref().map(|why| why.as_str())),
        "people": report.entries.iter().map(entry_json).collect::<Vec<_>>(),
        "workers": report.workers.iter().map(|worker| json!({
            "worker": worker.worker.to_string(),
            "mattermost_id": worker.user.as_str(),
            "account": worker.account.as_str(),
            "uid": worker.uid,
            "pid": worker.pid,
            "started_unix": worker.started,
        })).collect::<Vec<_>>(),
    })
}
