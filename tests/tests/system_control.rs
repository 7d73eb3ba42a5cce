//! What an honest frontend may rely on at the control socket. What a hostile one
//! tries stands in `attacks/frontend`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use gaggle_ipc::control::ControlRequest;
use gaggle_ipc::{MattermostUserId, WorkerId};
use gaggle_tests::lab::probe::frame;
use gaggle_tests::lab::{Lab, Probe};

fn lab() -> Result<Option<Lab>> {
    Lab::builder().without_frontend().start_if_possible()
}

#[test]
fn people_without_an_entry_share_the_fallback_account_and_a_refused_entry_does_not() -> Result<()> {
    let lab = Lab::builder()
        .person("carol")
        .entry("alice", serde_json::Value::Null)
        .entry("bob", serde_json::Value::from("nobody-here"))
        .entry("carol", serde_json::Value::Null)
        .supervisor("fallback_account = \"carol\"")
        .without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let started = probe.worker_of(&lab.person("alice")?)?;
    assert!(
        started.contains("AccountName(carol)") && started.contains("shared: true"),
        "{started}"
    );
    let refused = probe.worker_of(&lab.person("bob")?)?;
    assert!(refused.contains("AccountUnknown"), "{refused}");
    Ok(())
}

#[test]
fn a_worker_that_is_stopped_on_its_way_is_never_called_started() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    for worker in 1..=5 {
        // Mostly before its program runs, and sometimes after.
        let user = MattermostUserId::new(alice.mattermost.id.as_str())?;
        let stop = ControlRequest::Stop { request: 2, worker: WorkerId(worker) };
        probe.raw(&frame(&ControlRequest::Start { request: 1, user }))?;
        probe.raw(&frame(&stop))?;
        let first = probe.receive()?;
        if first.starts_with("Started") {
            assert!(probe.receive()?.starts_with("Stopping"));
            assert!(probe.receive()?.starts_with("Exited"));
        } else {
            assert!(first.starts_with("Stopping"), "{first}");
            let second = probe.receive()?;
            assert!(second.contains("Busy"), "{second}");
        }
    }
    Ok(())
}

#[test]
fn an_account_of_which_nobody_can_tell_whether_it_is_expired_is_refused() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    // As some systems keep it; root without its override cannot read it then.
    let shadow = lab.namespace.seen("/etc/shadow");
    fs::set_permissions(&shadow, Permissions::from_mode(0o0))?;
    let refused = probe.worker_of(&alice)?;
    assert!(refused.contains("LookupFailed"), "{refused}");
    // The control: readable again, it starts.
    fs::set_permissions(&shadow, Permissions::from_mode(0o600))?;
    let started = probe.worker_of(&alice)?;
    assert!(started.starts_with("Started"), "{started}");
    Ok(())
}
