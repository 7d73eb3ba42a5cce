//! Stands in Goose's place where a machine could not carry so many of the real
//! one: speaks as much of ACP as the worker needs, and streams what the scripted
//! LLM would say.
//!
//! Trust: the worker, whose lines it believes. Each prompt that it got stands in a file in
//! the workspace, so that one which came twice is seen.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use anyhow::{Context, Result};
use gaggle_tests::llm::{self, Spoken};
use serde_json::{Value, json};

/// In the workspace: a line with the answer's first word for each prompt.
const PROMPTS: &str = "prompts";

fn main() -> Result<()> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            // What is not JSON is not for this program.
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    let mut agent = Agent { lines, sessions: HashMap::new() };
    while let Ok(line) = agent.lines.recv() {
        agent.hear(&line)?;
    }
    Ok(())
}

struct Agent {
    lines: Receiver<Value>,
    /// Where each works.
    sessions: HashMap<String, PathBuf>,
}

impl Agent {
    fn hear(&mut self, line: &Value) -> Result<()> {
        let parameters = &line["params"];
        let session = parameters["sessionId"].as_str().unwrap_or_default();
        let result = match line["method"].as_str().unwrap_or_default() {
            "initialize" => json!({ "protocolVersion": 1, "agentInfo": { "name": "goose" } }),
            // Unlike any of another process's, also of one person.
            "session/new" => json!({ "sessionId":
                format!("stub_{}_{}", std::process::id(), self.sessions.len()) }),
            "session/set_mode" => {
                let mode = &parameters["modeId"];
                let now = json!({ "sessionUpdate": "current_mode_update", "currentModeId": mode });
                update(session, &now)?;
                json!({})
            }
            "_goose/unstable/session/working-dir/update" => {
                let folder = parameters["workingDir"].as_str().unwrap_or_default();
                self.sessions.insert(session.to_owned(), PathBuf::from(folder));
                json!({})
            }
            "session/prompt" => {
                let prompt = parameters["prompt"][0]["text"].as_str().unwrap_or_default();
                json!({ "stopReason": self.answer(session, prompt)? })
            }
            _ => json!({}),
        };
        // Nothing is said to what is no request.
        match line.get("id") {
            Some(id) => say(&json!({ "jsonrpc": "2.0", "id": id, "result": result })),
            None => Ok(()),
        }
    }

    /// Streams the answer, and hears a cancel while it does.
    fn answer(&self, session: &str, prompt: &str) -> Result<&'static str> {
        let spoken = llm::reply_to(prompt).context("a stub only says something")?;
        self.note(session, &spoken)?;
        for piece in &spoken.pieces {
            let content = json!({ "type": "text", "text": piece });
            update(
                session,
                &json!({ "sessionUpdate": "agent_message_chunk", "content": content }),
            )?;
            match self.lines.recv_timeout(spoken.delay) {
                Ok(line) if line["method"] == "session/cancel" => return Ok("cancelled"),
                // One session, one turn: the worker says nothing else meanwhile.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok("cancelled"),
            }
        }
        Ok("end_turn")
    }

    fn note(&self, session: &str, spoken: &Spoken) -> Result<()> {
        let folder = self.sessions.get(session).context("a prompt before its folder")?;
        let said = spoken.pieces.concat();
        let word = said.split_whitespace().next().unwrap_or_default();
        // In one piece: the person's other conversations write here too.
        let mut file = OpenOptions::new().create(true).append(true).open(folder.join(PROMPTS))?;
        Ok(file.write_all(format!("{word}\n").as_bytes())?)
    }
}

fn update(session: &str, update: &Value) -> Result<()> {
    say(&json!({ "jsonrpc": "2.0", "method": "session/update",
        "params": { "sessionId": session, "update": update } }))
}

fn say(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
