//! What the service manager is told: that the service runs, that it turns, and
//! one line on how it is, for `systemctl status`.
//!
//! Trust: the texts are ours and the names of settings; control characters of
//! what a server said are taken out.

use std::sync::Mutex;

use sd_notify::NotifyState;

/// The line's parts. The process has one service manager, so they are one too.
static LINE: Mutex<Line> =
    Mutex::new(Line { connection: String::new(), trouble: String::new(), settings: String::new() });

/// Longest part, in characters.
const MAX: usize = 300;

#[derive(Debug)]
struct Line {
    connection: String,
    trouble: String,
    settings: String,
}

/// To whom it is connected, or for whom it waits.
pub(crate) fn connection(text: &str) {
    tell(|line| line.connection = one_line(text));
}

/// What is wrong with the connection; empty if nothing is.
pub(crate) fn trouble(text: &str) {
    tell(|line| line.trouble = one_line(text));
}

/// What there is to know of the settings; empty if those of the files hold.
pub(crate) fn settings(text: &str) {
    tell(|line| line.settings = one_line(text));
}

/// Why the process ends by itself. `systemctl status` keeps it.
pub fn last_words(text: &str) {
    send(&[NotifyState::Status(&one_line(text))]);
}

/// Without a service manager there is nobody to tell.
pub(crate) fn send(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

fn tell(change: impl FnOnce(&mut Line)) {
    let Ok(mut line) = LINE.lock() else { return };
    change(&mut line);
    let parts = [&line.connection, &line.trouble, &line.settings];
    let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).cloned().collect();
    send(&[NotifyState::Status(&said.join("; "))]);
}

fn one_line(text: &str) -> String {
    let text = text.trim().replace(":\n", ": ").replace('\n', "; ");
    text.chars().take(MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_short_line() {
        assert_eq!(one_line("bad:\nfirst\nREADY=1"), "bad: first; READY=1");
        assert_eq!(one_line("a\u{1b}[2J"), "a\u{fffd}[2J");
        assert_eq!(one_line(&"x".repeat(1000)).len(), MAX);
    }
}
