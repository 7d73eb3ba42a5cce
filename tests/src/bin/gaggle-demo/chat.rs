//! The conversation in the terminal.
//!
//! Trust: the person at the terminal may be anybody of the demo's people.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gaggle_tests::mattermost::{Id, Post};

use super::paint::Paint;
use super::stage::{Speaker, Stage};
use super::view::View;

/// Pause between two looks at the thread.
const LOOK: Duration = Duration::from_millis(50);
/// An answer that has not grown for so long is taken as done: the prompt comes
/// back. It may still grow.
const QUIET: Duration = Duration::from_millis(1200);

const HELP: &str = "\
Write to the bot, and it answers. The built-in LLM says your words back; and
  run: COMMAND   Goose runs COMMAND with its shell tool, e.g. run: id
  think: TEXT    thinks before it answers
  slow: TEXT     answers slowly
  !stop          ends what runs in this thread
  /as NAME       be somebody else: alice or bob
  /new           start a new thread
  /quit          leave; so does Ctrl-C
";

/// Notes a Ctrl-C, so that the demo ends in order.
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    pub(crate) fn catch() -> Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&came);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let signals = runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            anyhow::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
        });
        let (mut interrupt, mut terminate) = signals.context("watch for Ctrl-C")?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            });
            noted.store(true, Ordering::Relaxed);
        });
        Ok(Self(came))
    }

    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// With a real Mattermost people talk to the bot there.
pub(crate) fn stand_by(_stage: &Stage, url: &str, interrupts: &Interrupts) -> Result<()> {
    println!("The bot is at {url}: write it a direct message there. Ctrl-C ends the demo.");
    while !interrupts.came() {
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The conversation.
pub(crate) fn run(stage: &Stage, name: &str, interrupts: &Interrupts) -> Result<()> {
    let paint = Paint::of_stdout();
    let mut chat = Chat {
        stage,
        paint,
        speaker: stage.speaker(name)?,
        root: None,
        view: View::new(paint),
        last_news: None,
    };
    println!("{}", paint.dim("Write to the bot. `/help` says what it understands."));
    let lines = lines();
    chat.prompt();
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => {
                if !chat.take(line.trim())? {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Standard input ended: what was asked is still answered.
            Err(RecvTimeoutError::Disconnected) if chat.last_news.is_some() => {
                std::thread::sleep(LOOK);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        chat.look();
        if interrupts.came() {
            break;
        }
    }
    println!();
    Ok(())
}

fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Chat<'stage> {
    stage: &'stage Stage,
    paint: Paint,
    speaker: Speaker,
    root: Option<Id>,
    view: View,
    /// When something came last; `None` once the prompt stands below it.
    last_news: Option<Instant>,
}

impl Chat<'_> {
    /// Handles a line; whether to go on.
    fn take(&mut self, line: &str) -> Result<bool> {
        self.view.line_begins();
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", _) => self.prompt(),
            ("/quit" | "/exit", _) => return Ok(false),
            ("/help", _) => self.say(HELP),
            ("/new", _) => {
                self.root = None;
                self.prompt();
            }
            ("/as", name) => match self.stage.speaker(name.trim()) {
                Ok(speaker) => {
                    (self.speaker, self.root) = (speaker, None);
                    self.prompt();
                }
                Err(error) => self.say(&format!("{error}\n")),
            },
            (word, _) if word.starts_with('/') => {
                self.say(&format!("there is no {word}; see /help\n"));
            }
            _ => self.send(line)?,
        }
        Ok(true)
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let simulator = self.stage.simulator();
        match self.root {
            Some(root) => {
                simulator.reply(self.speaker.id, root, text)?;
            }
            None => {
                let root = simulator.post(self.speaker.id, self.speaker.direct, text)?;
                (self.root, self.view) = (Some(root), View::new(self.paint));
            }
        }
        self.last_news = Some(Instant::now());
        Ok(())
    }

    fn look(&mut self) {
        let Some(root) = self.root else { return };
        let mut posts: Vec<Post> = self.stage.simulator().thread(root);
        posts.retain(|post| post.user_id == self.stage.bot());
        let working = posts.last().is_none_or(|p| p.message.contains("Thinking..."));
        if self.view.update(&posts) || (working && self.last_news.is_some()) {
            self.last_news = Some(Instant::now());
        }
        if self.last_news.is_some_and(|news| news.elapsed() > QUIET) {
            self.last_news = None;
            self.view.end_line();
            self.prompt();
        }
    }

    fn say(&mut self, text: &str) {
        print!("{text}");
        self.prompt();
    }

    fn prompt(&mut self) {
        print!("{}", self.paint.bold(format!("{}> ", self.speaker.name)));
        let _ = std::io::stdout().flush();
        self.view.line_begins();
    }
}
