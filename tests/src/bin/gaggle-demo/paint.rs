//! Colours, on terminals only.
//!
//! Trust: text is passed on as it is; the bot's posts have no control characters.

use std::fmt::Display;
use std::io::IsTerminal;

/// How to write to standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    terminal: bool,
    colours: bool,
}

impl Paint {
    pub(crate) fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { terminal, colours: terminal && !plain }
    }

    /// Lines may be written over.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    pub(crate) fn dim(self, text: impl Display) -> String {
        self.with("2", text)
    }

    pub(crate) fn bold(self, text: impl Display) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: impl Display) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
