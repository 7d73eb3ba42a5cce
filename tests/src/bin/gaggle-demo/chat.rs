//! The conversation in the terminal.
//!
//! Trust: the person at the terminal may be anybody of the demo's people.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gaggle_tests::lab::Answer;
use gaggle_tests::mattermost::{Id, NewPost, Post};

use super::files::{self, Attached, Shown};
use super::paint::Paint;
use super::stage::{Speaker, Stage};
use super::view::View;

/// How the bot is called in a channel.
const BOT: &str = "@goose";
/// Pause between two looks at the thread.
const LOOK: Duration = Duration::from_millis(50);
/// The prompt comes back so long after a command, answered or not.
const COMMAND: Duration = Duration::from_secs(2);

const HELP: &str = "\
Write to the bot, and it answers. The built-in LLM says your words back; and
  run: COMMAND   Goose runs COMMAND with its shell tool, e.g. run: id
  think: TEXT    thinks before it answers
  slow: TEXT     answers slowly
  !stop          ends what runs in this thread
  /attach FILE [TEXT]   sends a file with your words, or alone
  !get PATH      fetches a file of the workspace
  !help          lists what else the bot understands: !new, !sessions, !resume N,
                 !mode, !model, !status, !usage and more
  /react 👍      answers a question of Goose's: 👍 once, ✅ in this thread, 👎 no
  /as NAME       be somebody else: alice or bob
  /town          talk in a channel, where others read along and the bot answers
                 who writes @goose; there /as stays in the thread
  /new           start a new thread; after /town again in private
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
        town: false,
        view: View::new(paint),
        waiting: None,
        reacted: None,
        shown: Shown::default(),
    };
    println!("{}", paint.dim("Write to the bot. `/help` says what it understands."));
    let lines = lines();
    chat.prompt();
    // Lines from a file are a script: each waits for the answer to the one before.
    let script = !std::io::stdin().is_terminal();
    loop {
        let hold = script && chat.waiting.is_some() && chat.asked().is_none();
        let line = if hold { Err(RecvTimeoutError::Timeout) } else { lines.recv_timeout(LOOK) };
        match line {
            Ok(line) => {
                if !chat.take(line.trim())? {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) if hold => std::thread::sleep(LOOK),
            Err(RecvTimeoutError::Timeout) => {}
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
    /// In the channel, not in private.
    town: bool,
    view: View,
    /// What is not answered yet.
    waiting: Option<Waiting>,
    /// The question of Goose's that was answered last.
    reacted: Option<Id>,
    /// The files that were shown.
    shown: Shown,
}

struct Waiting {
    /// The post that asks; `None` for a command.
    question: Option<Id>,
    since: Instant,
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
                (self.root, self.town) = (None, false);
                self.prompt();
            }
            ("/town", _) => {
                (self.root, self.town) = (None, true);
                self.prompt();
            }
            ("/as", name) => match self.stage.speaker(name.trim()) {
                Ok(speaker) => {
                    self.speaker = speaker;
                    self.root = self.root.filter(|_| self.town);
                    self.prompt();
                }
                Err(error) => self.say(&format!("{error}\n")),
            },
            ("/react", emoji) => self.react(emoji.trim()),
            ("/attach", what) => match files::read(what) {
                Ok(file) => self.send(&file.text.clone(), Some(&file))?,
                Err(error) => self.say(&format!("{error:#}\n")),
            },
            (word, _) if word.starts_with('/') => {
                self.say(&format!("there is no {word}; see /help\n"));
            }
            _ => self.send(line, None)?,
        }
        Ok(true)
    }

    /// Reacts to the question that was asked last.
    fn react(&mut self, emoji: &str) {
        let simulator = self.stage.simulator();
        let name = match emoji {
            "👍" | "" => "+1",
            "✅" => "white_check_mark",
            "👎" => "-1",
            name => name.trim_matches(':'),
        };
        let reacted = match self.asked() {
            Some(question) => {
                self.reacted = Some(question);
                simulator.react(self.speaker.id, question, name)
            }
            None => Err(anyhow::anyhow!("nothing is asked in this thread")),
        };
        if let Err(error) = reacted {
            self.say(&format!("{error}\n"));
        }
    }

    /// The question of Goose's that waits for an answer.
    fn asked(&self) -> Option<Id> {
        let posts = self.stage.simulator().thread(self.root?);
        let waits =
            |post: &&Post| post.message.starts_with('🔐') && post.message.contains("`!approve ");
        let asked = posts.iter().rev().find(waits).map(|post| post.id);
        asked.filter(|asked| Some(*asked) != self.reacted)
    }

    fn send(&mut self, text: &str, file: Option<&Attached>) -> Result<()> {
        let simulator = self.stage.simulator();
        let channel = if self.town { self.speaker.town } else { self.speaker.direct };
        let user = self.speaker.id;
        let upload = |file: &Attached| simulator.upload(user, channel, &file.name, &file.content);
        let new = NewPost {
            message: text.to_owned(),
            root: self.root,
            files: file.map(upload).transpose()?.into_iter().collect(),
            ..NewPost::default()
        };
        let post = simulator.post_with(user, channel, new)?;
        if self.root.is_none() {
            (self.root, self.view) = (Some(post), View::new(self.paint));
        }
        if self.town && !text.contains(BOT) {
            // Nobody but the others reads it.
            self.prompt();
            return Ok(());
        }
        let text = text.trim_start_matches(BOT).trim_start();
        let command = text.starts_with('!') && !text.starts_with("!!");
        // After `!stop` the question before it still gets its last words.
        let before = self.waiting.take().and_then(|waiting| waiting.question);
        let question = if command { before } else { Some(post) };
        self.waiting = Some(Waiting { question, since: Instant::now() });
        Ok(())
    }

    fn look(&mut self) {
        let Some(root) = self.root else { return };
        let (simulator, bot) = (self.stage.simulator(), self.stage.bot());
        let mut posts: Vec<Post> = simulator.thread(root);
        posts.retain(|post| post.user_id == bot);
        let mut new = self.view.update(&posts);
        for (name, content) in self.shown.new_in(simulator, &posts) {
            new = true;
            self.view.end_line();
            println!("{}", self.paint.dim(files::described(&name, &content)));
        }
        let Some(waiting) = &mut self.waiting else { return };
        // Commands have answers that are no turns, or none.
        let whole = match waiting.question {
            Some(asked) => Answer::to(simulator, bot, root, asked).is_whole(),
            None => new || waiting.since.elapsed() > COMMAND,
        };
        if whole {
            self.waiting = None;
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
