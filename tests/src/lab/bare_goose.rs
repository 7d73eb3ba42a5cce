//! Goose as a person would start it by hand, without Gaggle around it: the
//! positive control for everything that Gaggle keeps from working.
//!
//! Trust: none; it runs as the person in their home.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::people::Person;
use super::spec::PROGRAMS;
use super::{Lab, wait};

/// A Goose that started at all has started by then.
const START: Duration = Duration::from_secs(30);

/// A running Goose; killed when dropped.
pub struct BareGoose {
    child: Child,
    folder: String,
}

impl BareGoose {
    /// Starts it in `folder` with the settings `NAME=value` beside those of the
    /// provider.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(lab: &Lab, person: &Person, folder: &str, settings: &[&str]) -> Result<Self> {
        let id = person.uid.to_string();
        let home = format!("HOME=/home/{}", person.name);
        let host = format!("OPENAI_HOST={}", lab.llm.url());
        let goose = format!("{PROGRAMS}/goose");
        let mut arguments =
            vec!["timeout", "60", "setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        arguments.extend(["--", "env", "--chdir", folder, &home, &host, "GOOSE_PROVIDER=openai"]);
        arguments.extend(["GOOSE_MODEL=gpt-4o", "OPENAI_API_KEY=x", "GOOSE_DISABLE_KEYRING=1"]);
        arguments.extend(settings);
        arguments.extend([goose.as_str(), "acp"]);
        let mut command = lab.namespace.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().context("start Goose")?;
        let mut goose = Self { child, folder: folder.to_owned() };
        goose.send(1, "initialize", &json!({"protocolVersion": 1, "clientCapabilities": {}}))?;
        Ok(goose)
    }

    /// Begins a session, or takes up the one of that name, and prompts once.
    ///
    /// # Errors
    /// There is no session.
    pub fn prompt(&mut self, session: Option<&str>, text: &str) -> Result<()> {
        let place = json!({"cwd": self.folder, "mcpServers": []});
        let session = match session {
            None => {
                self.send(2, "session/new", &place)?;
                self.session()?.context("the session's name")?
            }
            Some(session) => {
                let mut place = place;
                place["sessionId"] = json!(session);
                self.send(2, "session/load", &place)?;
                self.session()?;
                session.to_owned()
            }
        };
        let prompt = json!([{"type": "text", "text": text}]);
        self.send(3, "session/prompt", &json!({"sessionId": session, "prompt": prompt}))
    }

    fn send(&mut self, id: u32, method: &str, parameters: &Value) -> Result<()> {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters});
        let input = self.child.stdin.as_mut().context("its standard input")?;
        Ok(writeln!(input, "{request}")?)
    }

    /// The session that was made, as far as the answer names it.
    fn session(&mut self) -> Result<Option<String>> {
        let output = self.child.stdout.take().context("its standard output")?;
        let mut lines = BufReader::new(output).lines();
        for line in &mut lines {
            let reply: Value = serde_json::from_str(&line?).unwrap_or_default();
            if reply["id"] == 2 {
                ensure!(reply["result"].is_object(), "no session: {reply}");
                // Nobody reads on: the pipe must not end, or Goose does.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(reply["result"]["sessionId"].as_str().map(str::to_owned));
            }
        }
        bail!("Goose ended without a session")
    }

    /// Waits until `look` finds something.
    pub fn until<T>(&self, look: impl FnMut() -> Option<T>) -> Option<T> {
        wait::until(START, look)
    }
}

impl Drop for BareGoose {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
