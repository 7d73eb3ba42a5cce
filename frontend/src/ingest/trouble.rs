//! Failing again and again without filling the log.

use std::time::Duration;

use tokio::time::Instant;

use crate::mattermost::Error;
use crate::notify;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LOG_AGAIN: Duration = Duration::from_secs(300);

/// The pause after so many failures in a row.
pub(super) fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// What to do about an error, as far as reading posts goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server as a whole is in trouble: all channels would fail alike.
    Server,
    /// The bot is not in this channel any more, or not yet.
    NotHere,
    /// This channel alone.
    Channel,
    /// Only an admin can mend it.
    Token,
}

/// Sorts an error.
pub(super) fn kind(error: &Error) -> Kind {
    match error {
        Error::Unauthorized => Kind::Token,
        Error::Forbidden { .. } | Error::NotFound { .. } => Kind::NotHere,
        Error::Unavailable { .. } | Error::RateLimited { .. } | Error::Tls { .. } => Kind::Server,
        _ => Kind::Channel,
    }
}

/// Trouble with the server.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    since: Option<Instant>,
    logged: Option<Instant>,
    failures: u32,
}

impl Trouble {
    /// It failed; how long to wait now.
    pub(super) fn failed(&mut self, error: &Error) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert_with(Instant::now);
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_AGAIN) {
            self.logged = Some(Instant::now());
            tracing::warn!(%error, failures = self.failures, "cannot read from Mattermost; trying on");
            notify::trouble(&format!("Mattermost cannot be read: {error}"));
        }
        // What the server asks for has been waited for inside the call.
        pause(self.failures).min(Duration::from_secs(15))
    }

    /// It works.
    pub(super) fn over(&mut self) {
        if let Some(since) = self.since {
            let seconds = since.elapsed().as_secs();
            tracing::info!(seconds, "reading from Mattermost again");
            notify::trouble("");
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn down() -> Error {
        Error::Unavailable { cause: "no route".to_owned(), maybe_done: false }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_an_hour_is_a_dozen_lines_and_its_end_is_one() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(log);
        let mut trouble = Trouble::default();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3600) {
            tokio::time::advance(trouble.failed(&down())).await;
        }
        trouble.over();
        trouble.over();
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert!((10..=13).contains(&count("cannot read")), "{text}");
        assert_eq!(count("again"), 1, "{text}");
    }
}
