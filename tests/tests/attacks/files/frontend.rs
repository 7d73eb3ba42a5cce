//! The frontend's end of the control socket in the hands of a case: asks for
//! workers without a Mattermost.
//!
//! Trust: the probe, which runs as the frontend's account.

use anyhow::{Result, ensure};
use gaggle_ipc::MattermostUserId;
use gaggle_ipc::control::ControlRequest;
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::probe::{Probe, frame};

/// A probe that is being served; killed when dropped.
pub(super) struct Frontend(Probe);

impl Frontend {
    pub(super) fn of(lab: &Lab) -> Result<Self> {
        Probe::connected(lab).map(Self)
    }

    /// Asks for a person's worker; the answer.
    pub(super) fn start(&mut self, user: impl std::fmt::Display) -> Result<String> {
        self.ask_for(user)?;
        self.receive()
    }

    /// Asks for it and waits for nothing.
    pub(super) fn ask_for(&mut self, user: impl std::fmt::Display) -> Result<()> {
        let user = MattermostUserId::new(&user.to_string())?;
        let sent = self.0.raw(&frame(&ControlRequest::Start { request: 1, user }))?;
        ensure!(sent == "sent", "{sent}");
        Ok(())
    }

    /// Asks to stop a worker; the answer.
    pub(super) fn stop(&mut self, worker: u64) -> Result<String> {
        self.0.stop(worker)
    }

    /// Asks which workers there are.
    pub(super) fn list(&mut self) -> Result<String> {
        self.0.list()
    }

    /// Waits for one packet.
    pub(super) fn receive(&mut self) -> Result<String> {
        self.0.receive()
    }
}
