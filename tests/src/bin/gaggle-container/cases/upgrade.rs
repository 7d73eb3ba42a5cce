//! Another version while people write.
//!
//! Trust: as in the module above.

use anyhow::{Context, Result, ensure};

use crate::package;
use crate::stage::{FRONTEND, SUPERVISOR, Stage};

/// How many messages come before, while and after.
const MESSAGES: usize = 24;

/// Every message gets its answer from somebody: an old frontend never speaks
/// with a new supervisor, nor an old worker.
pub(crate) fn l40_c47_an_upgrade_while_people_write_loses_no_message(
    stage: &mut Stage,
) -> Result<()> {
    let path = "/var/cache/gaggle-next.deb";
    let next = "sed -i 's/^Version: .*/&+next/' DEBIAN/control";
    let deb = package::changed(&stage.deb, &stage.folder, "next", next)?;
    stage.machine.install(&deb, path)?;
    let before = [stage.main_pid(SUPERVISOR)?, stage.main_pid(FRONTEND)?];
    let mapping = stage.machine.run(&["sha256sum", "/etc/gaggle/user_mapping.json"])?;
    let mut asked = Vec::new();
    let mut upgrade = stage.machine.command(&["dpkg", "--install", path]).spawn()?;
    while asked.len() < MESSAGES {
        let name = ["alice", "bob"][asked.len() % 2];
        let question = stage.chat.ask(name, &format!("run: echo {}; sleep 1", asked.len()))?;
        asked.push(question);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    ensure!(upgrade.wait()?.success(), "the upgrade failed");
    let now = [stage.main_pid(SUPERVISOR)?, stage.main_pid(FRONTEND)?];
    ensure!(before.iter().zip(&now).all(|(before, now)| before != now), "an old part still runs");
    for (number, question) in asked.into_iter().enumerate() {
        let said = stage.chat.wait(question).with_context(|| format!("message {number}"))?;
        ensure!(said == number.to_string(), "message {number} is answered by {said:?}");
    }
    // Who is mapped is no part of the package.
    let kept = stage.machine.run(&["sha256sum", "/etc/gaggle/user_mapping.json"])?;
    ensure!(kept == mapping, "the mapping has changed");
    stage.answers()
}
