//! A thread on the terminal: prints what is new, as it comes.
//!
//! Trust: the posts are the bot's.

use std::collections::HashMap;
use std::io::Write;

use gaggle_tests::mattermost::{Id, Post};

use super::paint::Paint;

/// What stands on the terminal already.
pub(crate) struct View {
    paint: Paint,
    shown: HashMap<Id, Shown>,
    /// The status line that may be written over.
    status: String,
    /// The cursor is not at the start of a line.
    open: bool,
}

#[derive(Default)]
struct Shown {
    body: String,
    tools: Vec<String>,
    thought: String,
}

impl View {
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, shown: HashMap::new(), status: String::new(), open: false }
    }

    /// Forgets what stands where: somebody typed meanwhile.
    pub(crate) fn line_begins(&mut self) {
        self.status.clear();
        self.open = false;
    }

    /// Prints what is new in the bot's posts; whether there was anything.
    pub(crate) fn update(&mut self, posts: &[Post]) -> bool {
        let mut new = false;
        let mut status = String::new();
        for post in posts {
            let (body, below) = split_status(&post.message);
            status = below.to_owned();
            let mut shown = self.shown.remove(&post.id).unwrap_or_default();
            new |= self.trace(&mut shown, &attachment(post));
            new |= self.body(&mut shown, body);
            self.shown.insert(post.id, shown);
        }
        if status != self.status && self.paint.is_terminal() {
            self.clear_status();
            if !status.is_empty() {
                self.end_line();
                print!("{}", self.paint.dim(&status));
            }
            self.status = status;
        }
        let _ = std::io::stdout().flush();
        new
    }

    /// Ends an unfinished line.
    pub(crate) fn end_line(&mut self) {
        if std::mem::take(&mut self.open) {
            println!();
        }
    }

    fn body(&mut self, shown: &mut Shown, body: &str) -> bool {
        if body == shown.body {
            return false;
        }
        self.clear_status();
        match body.strip_prefix(shown.body.as_str()) {
            Some(more) if !shown.body.is_empty() => print!("{more}"),
            // New, or rewritten: nothing that stands there can be taken back.
            _ => {
                self.end_line();
                print!("{body}");
            }
        }
        self.open = !body.ends_with('\n');
        body.clone_into(&mut shown.body);
        true
    }

    fn trace(&mut self, shown: &mut Shown, text: &str) -> bool {
        let (tools, thought) = text.split_once("**Thinking**\n").unwrap_or((text, ""));
        let tools = actions(tools);
        let mut new = false;
        for (at, line) in tools.iter().enumerate() {
            if shown.tools.get(at) != Some(line) {
                self.clear_status();
                self.end_line();
                println!("{}", self.paint.dim(line));
                new = true;
            }
        }
        shown.tools = tools;
        if let Some(more) = thought.strip_prefix(shown.thought.as_str())
            && !more.is_empty()
        {
            self.clear_status();
            print!("{}", self.paint.dim(more));
            self.open = true;
            new = true;
        }
        thought.clone_into(&mut shown.thought);
        new
    }

    fn clear_status(&mut self) {
        if !std::mem::take(&mut self.status).is_empty() {
            print!("\r\x1b[2K");
        }
    }
}

/// The lines about tools, without the output between them: most of it comes again
/// in the answer.
fn actions(text: &str) -> Vec<String> {
    let mut fence: Option<&str> = None;
    let mut actions = Vec::new();
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        let row = line.get(..ticks).filter(|_| ticks > 2);
        match (fence, row) {
            (None, Some(row)) => fence = Some(row),
            (Some(open), Some(row)) if row == open => fence = None,
            (None, None) if !line.is_empty() => actions.push(line.to_owned()),
            _ => {}
        }
    }
    actions
}

/// A message without the line that says what goes on, and that line.
fn split_status(message: &str) -> (&str, &str) {
    let (above, last) = message.rsplit_once('\n').unwrap_or(("", message));
    if last.starts_with("Thinking...") || last.starts_with("Queued:") {
        (above.trim_end(), last)
    } else {
        (message, "")
    }
}

fn attachment(post: &Post) -> String {
    let attachments = post.props.get("attachments");
    let text = attachments.and_then(|all| all[0]["text"].as_str());
    text.unwrap_or_default().to_owned()
}
