//! A kernel that was booted without Landlock: nobody is started, whatever the
//! floor, and the journal says what to do.

use anyhow::{Result, ensure};
use serde_json::json;

use super::machine::{Machine, is_ours, record, said};

#[test]
fn nobody_is_started() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    for floor in [1, 3] {
        let machine = Machine::start(&format!("landlock_floor = {floor}\n"), json!("alice"))?;
        let ready = record("ready", |_| true)?;
        ensure!(ready["GAGGLE_LANDLOCK_ABI"] == "0", "{ready}");
        machine.ask("alice", "run: id -un")?.shows("kernel")?;
        let refused = record("sandbox_refused", |_| true)?;
        ensure!(refused["GAGGLE_STEP"] == "landlock_floor", "{refused}");
        let sentence = record("worker_output", |line| line.to_string().contains("Landlock"))?;
        println!("in the journal: {}", sentence["GAGGLE_UNATTESTED"]);
        ensure!(sentence.to_string().contains("lsm="), "{sentence}");
        let status = said(&["gaggle", "status"])?;
        ensure!(status.contains(&format!("ABI 0 (floor {floor})")), "{status}");
        ensure!(status.contains("no agent is started: this kernel offers no Landlock"), "{status}");
    }
    Ok(())
}
