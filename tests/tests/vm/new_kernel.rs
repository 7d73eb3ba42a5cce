//! Debian 13's own kernel, Landlock ABI 6: everything holds as Gaggle comes.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::machine::{Machine, is_ours, record, run};

#[test]
fn the_isolation_holds() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = Machine::start("", json!("alice"))?;
    ensure!(machine.answer("alice", "run: id -un")? == "alice");
    let ready = record("ready", |_| true)?;
    ensure!(
        ready["GAGGLE_LANDLOCK_ABI"] == "6" && ready["GAGGLE_LANDLOCK_FLOOR"] == "3",
        "{ready}"
    );
    let report = run(&["gaggle", "doctor", "isolation", "--json"])?;
    let report: Value = serde_json::from_slice(&report.stdout)?;
    ensure!(report["held"] == true, "{report:#}");
    Ok(())
}
