//! A worker that nobody needs ends, with all it started, and comes back.

use std::time::Duration;

use anyhow::Result;
use gaggle_tests::lab::{Lab, wait};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn an_idle_worker_ends_cleanly_and_the_conversation_goes_on() -> Result<()> {
    let builder = Lab::builder().goose_section("worker_idle_seconds = 1");
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    let mut thread =
        lab.ask("alice", "run: setsid sleep 1000 >/dev/null 2>&1 & echo the word is heron")?;
    assert_eq!(thread.answer()?, "the word is heron");
    lab.record("worker_exited", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    let left = || lab.namespace.processes("workers").is_empty().then_some(());
    assert!(wait::until(SOON, left).is_some(), "{:?}", lab.namespace.processes("workers"));
    let recalled = thread.then("!!recall")?;
    assert!(recalled.contains("the word is heron"), "{recalled}");
    let starts = lab.namespace.records().into_iter().filter(|r| r.is("worker_started")).count();
    assert_eq!(starts, 2);
    Ok(())
}
