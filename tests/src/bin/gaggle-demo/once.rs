//! `--once`: one question, one answer, no terminal.
//!
//! Trust: the answer is printed as the bot posted it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use gaggle_tests::lab::Answer;

use super::chat::Interrupts;
use super::stage::Stage;

/// A real LLM may work for long.
const LIMIT: Duration = Duration::from_secs(600);
/// Pause between two looks at the thread.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(stage: &Stage, name: &str, text: &str, interrupts: &Interrupts) -> Result<()> {
    ensure!(!text.trim().is_empty(), "--once needs a text");
    let speaker = stage.speaker(name)?;
    let simulator = stage.simulator();
    let root = simulator.post(speaker.id, speaker.direct, text)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = Answer::to(simulator, stage.bot(), root, root);
        if answer.is_whole() {
            ensure!(!answer.tells_of_failure(), "{}", answer.text());
            println!("{}", answer.text());
            return Ok(());
        }
        if interrupts.came() {
            bail!("interrupted");
        }
        if Instant::now() > deadline {
            bail!("no answer within {} s\n{}", LIMIT.as_secs(), stage.logs());
        }
        std::thread::sleep(LOOK);
    }
}
