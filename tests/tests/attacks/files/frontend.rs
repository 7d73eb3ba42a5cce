//! The frontend's end of the control socket in the hands of a case: asks for
//! workers without a Mattermost.
//!
//! Trust: the probe, which runs as the frontend's account.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result, ensure};
use gaggle_ipc::MattermostUserId;
use gaggle_ipc::codec::encode;
use gaggle_ipc::control::ControlRequest;
use gaggle_tests::lab::spec::{FRONTEND_UID, RUNTIME};
use gaggle_tests::lab::{Lab, programs, wait};

use super::bench::SOON;

/// A probe that is being served; killed when dropped.
pub(super) struct Frontend {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Frontend {
    pub(super) fn of(lab: &Lab) -> Result<Self> {
        // The connection of one before may not be over yet.
        let served = wait::until(SOON, || {
            let mut frontend = Self::connect(lab).ok()?;
            let reply = frontend.list().ok()?;
            reply.starts_with("Workers").then_some(frontend)
        });
        served.with_context(|| format!("the frontend is not served\n{}", lab.logs()))
    }

    fn connect(lab: &Lab) -> Result<Self> {
        let program = programs::built("gaggle-probe")?;
        let program = program.to_str().context("a readable path")?;
        let (id, socket) = (FRONTEND_UID.to_string(), format!("{RUNTIME}/control.sock"));
        let mut command = lab.namespace.command(&[
            "setpriv",
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--",
            program,
            &socket,
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("its standard input")?;
        let output = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut frontend = Self { child, input, output };
        let greeting = frontend.line()?;
        ensure!(greeting == "connected", "{greeting}");
        Ok(frontend)
    }

    /// Asks for a person's worker; the answer.
    pub(super) fn start(&mut self, user: impl std::fmt::Display) -> Result<String> {
        let user = MattermostUserId::new(&user.to_string())?;
        self.ask(&ControlRequest::Start { request: 1, user })
    }

    /// Sends a request and waits for one packet.
    pub(super) fn ask(&mut self, request: &ControlRequest) -> Result<String> {
        self.say(request)?;
        self.receive()
    }

    /// Asks which workers there are.
    pub(super) fn list(&mut self) -> Result<String> {
        self.ask(&ControlRequest::List { request: 2 })
    }

    /// Sends a request.
    pub(super) fn say(&mut self, request: &ControlRequest) -> Result<()> {
        let bytes = encode(request)?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        writeln!(self.input, "raw {bytes}")?;
        let sent = self.line()?;
        ensure!(sent == "sent", "{sent}");
        Ok(())
    }

    /// Waits for one packet.
    pub(super) fn receive(&mut self) -> Result<String> {
        writeln!(self.input, "receive")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        Ok(self.output.next().context("the probe ended")??)
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
