//! A raw client of the control socket: a frontend that was taken over, or
//! anybody else who would like to be one.
//!
//! Trust: none in either end; what the program `gaggle-probe` prints is for the
//! test to judge.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_ipc::codec::{Encode, encode};
use gaggle_ipc::control::ControlRequest;
use gaggle_ipc::session::ToWorker;
use gaggle_ipc::{MattermostUserId, WorkerId};

use super::spec::{FRONTEND_UID, RUNTIME};
use super::{Lab, Person, programs, wait};

/// The one before may still be on its way out.
const SERVED: Duration = Duration::from_secs(20);

/// A probe at work; killed when dropped.
#[derive(Debug)]
pub struct Probe {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Probe {
    /// Starts one as `uid` and gives its first word, `connected` or why not.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start(lab: &Lab, uid: u32) -> Result<(Self, String)> {
        Self::start_at(lab, uid, &format!("{RUNTIME}/control.sock"))
    }

    /// As [`Probe::start`], at another socket.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start_at(lab: &Lab, uid: u32, path: &str) -> Result<(Self, String)> {
        Self::launch(lab, uid, &[path])
    }

    /// Starts one as `uid` that waits at `path` for a connection of another's.
    ///
    /// # Errors
    /// It could not be started.
    pub fn taker(lab: &Lab, uid: u32, path: &str) -> Result<Self> {
        let (probe, greeting) = Self::launch(lab, uid, &["--take", path])?;
        ensure!(greeting == "waiting", "it says {greeting}");
        Ok(probe)
    }

    fn launch(lab: &Lab, uid: u32, arguments: &[&str]) -> Result<(Self, String)> {
        let program = programs::built("gaggle-probe")?;
        let program = program.to_str().context("a readable path")?;
        let id = uid.to_string();
        let mut all = vec!["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"];
        all.push(program);
        all.extend(arguments);
        let mut command = lab.namespace.command(&all);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("stdin")?;
        let output = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let mut probe = Self { child, input, output };
        let greeting = probe.line()?;
        Ok((probe, greeting))
    }

    /// One of the frontend's account that got in and is served.
    ///
    /// # Errors
    /// It never is.
    pub fn connected(lab: &Lab) -> Result<Self> {
        let probe = wait::until(SERVED, || {
            let (mut probe, greeting) = Self::start(lab, FRONTEND_UID).ok()?;
            let served = greeting == "connected"
                && probe.list().is_ok_and(|reply| reply.starts_with("Workers"));
            served.then_some(probe)
        });
        probe.with_context(|| format!("never served\n{}", lab.logs()))
    }

    /// What it prints next.
    ///
    /// # Errors
    /// It ended.
    pub fn line(&mut self) -> Result<String> {
        Ok(self.output.next().context("the probe ended")??)
    }

    /// Gives it a command, whose answer [`Probe::line`] will be.
    ///
    /// # Errors
    /// It ended.
    pub fn begin(&mut self, command: &str) -> Result<()> {
        Ok(writeln!(self.input, "{command}")?)
    }

    /// Gives it a command; what it prints then.
    ///
    /// # Errors
    /// It ended.
    pub fn say(&mut self, command: &str) -> Result<String> {
        self.begin(command)?;
        self.line()
    }

    /// The next packet, `end`, or `silence`.
    ///
    /// # Errors
    /// It ended.
    pub fn receive(&mut self) -> Result<String> {
        self.say("receive")
    }

    /// Sends a packet as it is: `sent`, or the error.
    ///
    /// # Errors
    /// It ended.
    pub fn raw(&mut self, packet: &[u8]) -> Result<String> {
        self.say(&format!("raw {}", hex(packet)))
    }

    /// Sends a request; what comes back.
    ///
    /// # Errors
    /// It ended.
    pub fn ask(&mut self, request: &ControlRequest) -> Result<String> {
        let sent = self.raw(&frame(request))?;
        ensure!(sent == "sent", "{sent}");
        self.receive()
    }

    /// Asks for a person's worker.
    ///
    /// # Errors
    /// It ended.
    pub fn worker_of(&mut self, person: &Person) -> Result<String> {
        let user = MattermostUserId::new(person.mattermost.id.as_str())?;
        self.ask(&ControlRequest::Start { request: 1, user })
    }

    /// Asks to stop a worker.
    ///
    /// # Errors
    /// It ended.
    pub fn stop(&mut self, worker: u64) -> Result<String> {
        self.ask(&ControlRequest::Stop { request: 2, worker: WorkerId(worker) })
    }

    /// Asks which workers there are.
    ///
    /// # Errors
    /// It ended.
    pub fn list(&mut self) -> Result<String> {
        self.ask(&ControlRequest::List { request: 3 })
    }

    /// Sends frames on the session socket that came as number `session`, from 0.
    ///
    /// # Errors
    /// It ended, or a frame could not be sent.
    pub fn to_worker(&mut self, session: usize, messages: &[ToWorker]) -> Result<()> {
        for message in messages {
            let sent = self.say(&format!("session {session} {}", hex(&frame(message))))?;
            ensure!(sent == "sent", "{sent}");
        }
        Ok(())
    }

    /// Sends bytes there as they are: `sent`, or the error.
    ///
    /// # Errors
    /// It ended.
    pub fn to_session(&mut self, session: usize, bytes: &[u8]) -> Result<String> {
        self.say(&format!("session {session} {}", hex(bytes)))
    }

    /// The next frame from there that begins with one of `wanted`, or what ends
    /// the waiting: `end`, or `silence`.
    ///
    /// # Errors
    /// It ended.
    pub fn from_session(&mut self, session: usize, wanted: &[&str]) -> Result<String> {
        loop {
            let line = self.say(&format!("session-receive {session}"))?;
            let over = ["end", "silence"].contains(&line.as_str());
            if over || wanted.iter().any(|wanted| line.starts_with(wanted)) {
                return Ok(line);
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message as it goes over a socket.
#[must_use]
pub fn frame<M: Encode>(message: &M) -> Vec<u8> {
    encode(message).unwrap_or_default()
}

/// Bytes as a probe reads them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
