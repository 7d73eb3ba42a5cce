//! What an admin sees: status, audit records by the journal's trusted fields,
//! the doctor's attacks.
//!
//! Trust: as in the module above.

use anyhow::{Result, ensure};

use crate::machine::said;
use crate::played;
use crate::stage::{FRONTEND, SUPERVISOR, Stage};

/// `worker_started`, as docs/audit.md says.
const WORKER_STARTED: &str = "MESSAGE_ID=1de175fef1cf4d6d8b5e8ccbb58187fe";
const FRONTEND_CONNECTED: &str = "MESSAGE_ID=ac18b706040f4441ba0270cad3c15a7f";

pub(crate) fn status_and_audit_tell_who_was_started(stage: &mut Stage) -> Result<()> {
    let status = stage.machine.run(&["gaggle", "status"])?;
    ensure!(status.contains("alice") && status.contains("bob"), "status: {status}");
    let audit = stage.machine.run(&["gaggle", "audit", "--account", "alice", "--json"])?;
    let started = audit.lines().filter(|line| line.contains("\"worker_started\"")).count();
    ensure!(started > 0, "no start of alice's worker: {audit}");
    ensure!(!audit.contains("bob"), "--account alice tells of bob: {audit}");
    let secrets = [stage.chat.bot.token.as_str(), "was-here"];
    let all = stage.machine.run(&["journalctl", "--no-pager", "--all", "--output=export"])?;
    for secret in secrets {
        ensure!(!all.contains(secret), "the journal has {secret:?}");
    }
    Ok(())
}

pub(crate) fn the_journal_is_asked_by_fields_that_it_adds_itself(stage: &mut Stage) -> Result<()> {
    let id = format!("GAGGLE_USER={}", stage.chat.id("bob")?);
    let words = ["journalctl", "--no-pager", "--output=json", "_UID=0", WORKER_STARTED, &id];
    let record = stage.machine.run(&words)?;
    for wanted in ["\"GAGGLE_ACCOUNT\":\"bob\"", "\"_SYSTEMD_UNIT\":\"gaggle-supervisor.service\""]
    {
        ensure!(record.contains(wanted), "no {wanted} in {record}");
    }
    let unit = stage.machine.sh("journalctl --no-pager -u 'gaggle*' -n 1 -o cat")?;
    ensure!(!unit.is_empty(), "journalctl -u 'gaggle*' shows nothing");
    Ok(())
}

/// The frontend has a user namespace of its own; the supervisor is shown who it is
/// all the same.
pub(crate) fn the_frontend_is_known_by_its_uid_through_its_own_user_namespace(
    stage: &mut Stage,
) -> Result<()> {
    let uid = stage.machine.run(&["id", "-u", "gaggle"])?;
    let pid = stage.main_pid(FRONTEND)?;
    let map = stage.machine.run(&["cat", &format!("/proc/{pid}/uid_map")])?;
    let lines: Vec<Vec<_>> = map.lines().map(|l| l.split_whitespace().collect()).collect();
    ensure!(lines.iter().all(|line| line.last() == Some(&"1")), "no namespace of its own: {map}");
    ensure!(lines.iter().any(|line| line.first() == Some(&uid.as_str())), "gaggle is not in {map}");
    let words = ["journalctl", "--no-pager", "--output=json", "_UID=0", FRONTEND_CONNECTED];
    let record = stage.machine.run(&words)?;
    ensure!(record.contains(&format!("\"GAGGLE_UID\":\"{uid}\"")), "another uid: {record}");
    Ok(())
}

pub(crate) fn doctor_isolation_finds_nothing_open(stage: &mut Stage) -> Result<()> {
    let output = stage.machine.output(&["gaggle", "doctor", "isolation"])?;
    let report = said(&output);
    ensure!(output.status.success(), "the doctor: {report}");
    for name in ["alice", "bob"] {
        ensure!(report.contains(name), "{name} was not looked at: {report}");
    }
    Ok(())
}

pub(crate) fn f32_a_forged_audit_record_is_not_shown(stage: &mut Stage) -> Result<()> {
    let record = "MESSAGE=forged,SYSLOG_IDENTIFIER=gaggle-supervisor,GAGGLE_EVENT=lockdown,\
                  MESSAGE_ID=db403b791e714ba8ad9a55795a761c07,GAGGLE_STATE=forged,_UID=0";
    let words = ["send", "/run/systemd/journal/socket", record];
    let sent = played::act(stage, FRONTEND, &[], &words)?;
    ensure!(sent == "open", "the journal was not reached: {sent}");
    // The control: it is in the journal, with who wrote it.
    let uid = stage.machine.run(&["id", "-u", "gaggle"])?;
    let own = format!("_UID={uid}");
    let forged = stage.machine.run(&["journalctl", "--no-pager", "GAGGLE_STATE=forged", &own])?;
    ensure!(forged.contains("forged"), "the forged record is not in the journal");
    let believed = stage.machine.output(&["journalctl", "-q", "GAGGLE_STATE=forged", "_UID=0"])?;
    ensure!(believed.stdout.is_empty(), "believed: {}", said(&believed));
    let audit = said(&stage.machine.output(&["gaggle", "audit", "--json"])?);
    ensure!(!audit.contains("forged"), "gaggle audit shows it: {audit}");
    Ok(())
}

/// More than the journal takes of a unit in half a minute, on any disk.
const FLOOD: usize = 80_000;
const RELOADS: usize = 10;
/// `configuration_loaded`.
const LOADED: &str = "MESSAGE_ID=a0db46a905e74bb186a53cddbb72e657";

pub(crate) fn f31_a_flood_of_the_frontends_costs_no_audit_record(stage: &mut Stage) -> Result<()> {
    let journal = ["journalctl", "-q", "--no-pager", "-o", "cat"];
    let count = |matches: &[&str]| -> Result<usize> {
        Ok(stage.machine.run(&[&journal, matches].concat())?.lines().count())
    };
    let loaded = ["_UID=0", LOADED];
    let before = count(&loaded)?;
    let number = FLOOD.to_string();
    let words = ["flood", "/run/systemd/journal/socket", "MESSAGE=flood", &number];
    let sent = played::act(stage, FRONTEND, &[], &words)?;
    ensure!(sent == "open", "the flood: {sent}");
    for done in 1..=RELOADS {
        stage.machine.run(&[
            "systemctl",
            "kill",
            "--kill-whom=main",
            "--signal=HUP",
            SUPERVISOR,
        ])?;
        stage.until("the reload is recorded", || {
            (count(&loaded).ok()? >= before + done).then_some(())
        })?;
    }
    // The controls: the journal did drop what the frontend sent, and nothing
    // that came in the same way from the supervisor's unit.
    let of_frontend = count(&["MESSAGE=flood"])?;
    ensure!(of_frontend < FLOOD, "the control: nothing was dropped");
    let sent = played::act(stage, SUPERVISOR, &[], &words)?;
    ensure!(sent == "open", "the other flood: {sent}");
    let of_supervisor = || Some(count(&["MESSAGE=flood"]).ok()? - of_frontend);
    stage
        .until("all of the supervisor's unit is kept", || (of_supervisor()? == FLOOD).then_some(()))
}
