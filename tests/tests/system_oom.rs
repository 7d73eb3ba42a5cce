//! A Goose that runs out of memory dies as a whole: one of its processes killed
//! alone would leave it in a state that nobody knows.

use std::fs;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{Lab, programs, spec};
use serde_json::Value;

#[test]
fn the_kernel_ends_a_goose_as_a_whole_and_never_its_worker_with_it() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    lab.answer("alice", "hello")?;
    let workers = lab.namespace.cgroup().join("workers");
    let tree = fs::read_dir(&workers)?.flatten().map(|entry| entry.path()).find(|p| p.is_dir());
    let tree = tree.context("alice's tree")?;
    let group = |leaf: &str| fs::read_to_string(tree.join(leaf).join("memory.oom.group"));
    match group("g1") {
        Ok(group_of_goose) => {
            assert_eq!(group_of_goose, "1\n");
            assert_eq!(group("worker")?, "0\n");
        }
        // Without the controller there is no such file, and status has to say so.
        Err(_) => assert!(missing_controllers(&lab)?.contains(&Value::from("memory"))),
    }
    Ok(())
}

fn missing_controllers(lab: &Lab) -> Result<Vec<Value>> {
    let program = programs::built("gaggle")?;
    let program = program.to_str().context("a readable path")?;
    let asked =
        lab.namespace.run(0, &[program, "--config-dir", spec::CONFIG, "status", "--json"])?;
    let status: Value = serde_json::from_slice(&asked.stdout)?;
    Ok(status["missing_controllers"].as_array().cloned().unwrap_or_default())
}
