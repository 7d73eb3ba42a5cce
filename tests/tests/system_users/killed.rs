//! The command killed at many moments: what it began it ends when it is run again.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use serde_json::json;

use super::bench::Bench;

/// Rounds, each killed a little later than the one before; once more and later
/// on a machine that is slower.
const ROUNDS: u64 = 40;
const TIMES: u64 = 6;

/// Kills the command after some time, unless it is done by then.
fn killed(bench: &Bench, arguments: &[&str], after: Duration) -> Result<()> {
    let program = format!("{PROGRAMS}/gaggle");
    let all = [&[&*program, "--config-dir", CONFIG], arguments].concat();
    let mut command = bench.lab.namespace.command(&all);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    std::thread::sleep(after);
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// There is an account, a home, an entry.
fn moment(bench: &Bench, id: &str) -> Result<(bool, bool, bool)> {
    let mapped = bench.entry(id)?.is_some();
    let account = !bench.says(&["getent", "passwd", "carol"])?.is_empty();
    let home = bench.says(&["stat", "-c", "%U %a", "/home/carol"])?;
    ensure!(home.is_empty() || home == "carol 700", "half a home: {home}");
    // What is promised in the mapping is there.
    ensure!(!mapped || (account && !home.is_empty()), "mapped too early");
    Ok((account, !home.is_empty(), mapped))
}

#[test]
fn killed_at_any_moment_it_is_completed_by_the_next() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let id = bench.carol.id.to_string();
    let add = ["user", "add", "carol", "--offline", "--no-probe", "--mattermost", &id];
    let remove = ["user", "remove", "carol", "--yes", "--delete-account", "--delete-home"];
    let (mut without_account, mut without_home, mut without_entry, mut whole) = (0, 0, 0, 0);
    for round in 0..ROUNDS * TIMES {
        let seen = [without_account, without_home + without_entry, whole];
        if round % ROUNDS == 0 && seen.iter().all(|times| *times > 0) {
            break;
        }
        let after = Duration::from_millis(round % ROUNDS * 7 * (1 + round / ROUNDS));
        killed(&bench, &add, after)?;
        match moment(&bench, &id).with_context(|| format!("round {round}"))? {
            (false, ..) => without_account += 1,
            (_, false, _) => without_home += 1,
            (_, _, false) => without_entry += 1,
            (_, _, true) => whole += 1,
        }
        bench.gaggle(&add)?.expect(0, &[])?;
        ensure!(bench.entry(&id)? == Some(json!("carol")), "round {round}");
        let home = bench.says(&["stat", "-c", "%U %a", "/home/carol/workspace"])?;
        ensure!(home == "carol 700", "round {round}: {home}");
        killed(&bench, &remove, after)?;
        let account = !bench.says(&["getent", "passwd", "carol"])?.is_empty();
        ensure!(account || bench.entry(&id)?.is_none(), "round {round}: deleted too early");
        bench.gaggle(&remove)?.expect(0, &[])?;
        ensure!(bench.entry(&id)?.is_none(), "round {round}");
        ensure!(bench.says(&["getent", "passwd", "carol"])?.is_empty(), "round {round}");
    }
    let left = bench.says(&["find", "/home", CONFIG, "-maxdepth", "1", "-name", ".*new*"])?;
    ensure!(left.is_empty(), "{left}");
    let moments = [without_account, without_home + without_entry, whole];
    ensure!(moments.iter().all(|times| *times > 0), "killed always at the same time: {moments:?}");
    Ok(())
}
