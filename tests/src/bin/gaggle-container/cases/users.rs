//! `gaggle user`, from a name in Mattermost to an account that serves, and back.
//!
//! Trust: as in the module above.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::machine::said;
use crate::stage::Stage;

const MAPPING: &str = "/etc/gaggle/user_mapping.json";
const ADD: [&str; 6] = ["gaggle", "user", "add", "bob", "--mattermost", "@bob"];
/// To somebody without an entry.
const NOT_SET_UP: &str = "I cannot work for you yet";

/// bob's entry as `list --json` has it.
fn listed(stage: &Stage) -> Result<Option<Value>> {
    let list = stage.machine.run(&["gaggle", "user", "list", "--json"])?;
    let list: Vec<Value> = serde_json::from_str(&list).context("the list is no JSON")?;
    Ok(list.into_iter().find(|entry| entry["account"] == "bob"))
}

pub(crate) fn a_second_person_is_added_by_name_and_served(stage: &mut Stage) -> Result<()> {
    ensure!(listed(stage)?.is_none(), "bob is there before he was added");
    let added = stage.machine.run(&ADD)?;
    ensure!(added.contains("bob can be served"), "no proof that bob is served: {added}");
    let account = stage.machine.run(&["getent", "passwd", "bob"])?;
    ensure!(account.ends_with(":/home/bob:/usr/sbin/nologin"), "the account: {account}");
    let home = stage.machine.run(&["stat", "--format=%a %U", "/home/bob"])?;
    ensure!(home == "700 bob", "the home is {home}");
    let password = stage.machine.run(&["passwd", "--status", "bob"])?;
    ensure!(password.starts_with("bob L "), "the password: {password}");
    // The id is kept, and not the name.
    let entry = listed(stage)?.context("bob is not in the list")?;
    ensure!(entry["mattermost_id"] == stage.chat.id("bob")?.as_str(), "the entry: {entry}");
    ensure!(entry["problem"].is_null(), "the entry: {entry}");
    stage.is_served("bob")?;
    let again = stage.machine.run(&ADD)?;
    ensure!(again.contains("nothing to do"), "again: {again}");
    Ok(())
}

pub(crate) fn a_name_that_nobody_has_changes_nothing(stage: &mut Stage) -> Result<()> {
    let state = "sha256sum /etc/gaggle/user_mapping.json /etc/passwd /etc/group; ls /home";
    let before = stage.machine.sh(state)?;
    for who in ["@nobody-is-called-so", "@goose", "aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let add = ["gaggle", "user", "add", "carol", "--mattermost", who];
        let output = stage.machine.output(&add)?;
        ensure!(output.status.code() == Some(1), "{who}: {}", said(&output));
    }
    ensure!(stage.machine.sh(state)? == before, "something was changed");
    Ok(())
}

/// `add` ends well only if a start has shown that the person is served.
pub(crate) fn a_start_that_fails_is_no_success(stage: &mut Stage) -> Result<()> {
    // Where to look is said, and there it is.
    let look = "gaggle audit --account bob --since 5min";
    for (harm, mend, told, found) in [
        ("chage --expiredate 1 bob", "chage --expiredate -1 bob", "expired", ""),
        ("chmod 644 /usr/lib/gaggle/goose", "chmod 755 /usr/lib/gaggle/goose", look, "chmod 755"),
    ] {
        stage.machine.sh(harm)?;
        let output = stage.machine.output(&ADD)?;
        stage.machine.sh(mend)?;
        let words = said(&output);
        ensure!(!output.status.success(), "after `{harm}` bob can be served: {words}");
        ensure!(words.contains(told) && !words.contains("can be served"), "`{harm}`: {words}");
        let audit = stage.machine.sh(look)?;
        ensure!(audit.contains(found), "after `{harm}` there is no {found}: {audit}");
        let again = stage.machine.run(&ADD)?;
        ensure!(again.contains("bob can be served"), "the control: {again}");
    }
    stage.is_served("bob")
}

pub(crate) fn show_tells_of_account_and_worker(stage: &mut Stage) -> Result<()> {
    stage.is_served("bob")?;
    let uid = stage.machine.run(&["id", "-u", "bob"])?;
    let worker = stage.machine.run(&["pgrep", "-u", "bob", "-o", "-f", "gaggle-worker"])?;
    for who in ["bob", "@bob"] {
        let shown = stage.machine.run(&["gaggle", "user", "show", who])?;
        for wanted in [
            &format!("uid {uid}, made by gaggle user add"),
            &format!("pid {worker}"),
            "worker_started",
        ] {
            ensure!(shown.contains(wanted), "show {who} has no {wanted:?}: {shown}");
        }
    }
    let entry = listed(stage)?.context("bob is not in the list")?;
    ensure!(entry["state"] == "running", "the entry: {entry}");
    Ok(())
}

pub(crate) fn a_removed_person_is_stopped_and_comes_back_to_the_same_home(
    stage: &mut Stage,
) -> Result<()> {
    stage.is_served("bob")?;
    let turn = stage.running_turn("bob")?;
    stage.machine.run(&["gaggle", "user", "remove", "bob"])?;
    let left = stage.machine.output(&["pgrep", "-l", "-u", "bob"])?;
    ensure!(left.status.code() == Some(1), "bob's processes go on: {}", said(&left));
    ensure!(listed(stage)?.is_none(), "bob is still in the list");
    let mapping = stage.machine.run(&["cat", MAPPING])?;
    ensure!(!mapping.contains(&stage.chat.id("bob")?), "bob is still in the mapping: {mapping}");
    let cut = stage.chat.wait(turn)?;
    ensure!(!cut.contains(crate::stage::LAST_WORD), "the turn went on to its end: {cut:?}");
    ensure!(!stage.chat.was_told("bob", NOT_SET_UP)?, "bob was told so before");
    stage.chat.ask("bob", "run: id -un")?;
    stage.until("bob is told that he is not set up", || {
        stage.chat.was_told("bob", NOT_SET_UP).ok()?.then_some(())
    })?;
    let kept = stage.keepsake("bob");
    ensure!(kept.exists(), "what bob made went with his entry");
    let added = stage.machine.run(&ADD)?;
    ensure!(added.contains("bob can be served"), "no proof that bob is served: {added}");
    ensure!(kept.exists(), "what bob made is gone");
    stage.is_served("bob")
}
