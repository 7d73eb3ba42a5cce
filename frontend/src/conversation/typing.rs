//! Shows the bot as typing while a turn has nothing to show yet.
//!
//! Trust: nobody. A hint only: it is left out where requests are scarce, and it
//! never holds anything up.

use std::time::Duration;

use gaggle_ipc::{MattermostId, TurnId};
use tokio::sync::watch;

use super::Inner;
use crate::mattermost::Worth;
use crate::render::{Phase, Transcript};

/// Repeats the hint until it is dropped. Clients show it for five seconds.
pub(super) async fn show(
    inner: &Inner,
    turn: TurnId,
    (channel, root): (MattermostId, Option<MattermostId>),
    view: watch::Receiver<Transcript>,
) {
    // Where nothing is posted yet it is the first sign of life. A post says as
    // much, and clients take the hint away with it.
    let held = view.borrow().phase == Phase::Held;
    let mut pause = if held { Duration::ZERO } else { inner.pace.typing / 3 };
    loop {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        pause = inner.pace.typing;
        if !view.borrow().answer.is_empty() {
            return;
        }
        let at_work = matches!(view.borrow().phase, Phase::Held | Phase::Working(_));
        // What waits for the person is not at work.
        if at_work
            && !inner.approvals.waits(turn)
            && inner.client.should_wait(Worth::Hint).is_zero()
        {
            let _ = inner.client.typing(channel, root).await;
        }
    }
}
