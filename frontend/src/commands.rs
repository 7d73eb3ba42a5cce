//! The commands people type, as words.
//!
//! Trust: the text is anybody's; whether its author may ask at all is decided
//! in [`gate`](crate::gate).

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// End the caller's turn.
    Stop,
    /// Let Goose do what it asks for; which, if it was named.
    Approve(Option<String>),
    /// Do not.
    Deny(Option<String>),
    /// Send a file of the caller's workspace; which, if it was named.
    Get(Option<String>),
    /// What the bot can do.
    Help,
    /// Who the caller is to Gaggle.
    Whoami,
    /// Looks like a command and is none: the word, without `!`.
    Unknown(String),
}

/// Longest word that is shown back, in characters.
const MAX_WORD: usize = 30;

/// The command in `text`, from which a mention was stripped. Only a `!`
/// followed by letters is one, so that `!!`, `!3` and an image are text.
#[must_use]
pub fn parse(text: &str) -> Option<Command> {
    let rest = text.trim_start().strip_prefix('!')?;
    let word = rest.split_whitespace().next()?;
    if !rest.starts_with(word) {
        return None;
    }
    let word = word.trim_end_matches(['.', '!', ',']);
    let letters = |c: char| c.is_ascii_alphabetic() || c == '-';
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || !word.chars().all(letters) {
        return None;
    }
    let name = || {
        let word = rest.split_whitespace().nth(1)?;
        Some(word.to_ascii_lowercase().chars().take(MAX_WORD).collect())
    };
    Some(match word.to_ascii_lowercase().as_str() {
        "stop" => Command::Stop,
        "approve" => Command::Approve(name()),
        "deny" => Command::Deny(name()),
        "get" => Command::Get(path_after(rest)),
        "help" => Command::Help,
        "whoami" => Command::Whoami,
        other => Command::Unknown(other.chars().take(MAX_WORD).collect()),
    })
}

/// All that follows the command's word on its line: a path may have spaces. It may
/// stand in quotes, or as code.
fn path_after(rest: &str) -> Option<String> {
    let line = rest.lines().next()?;
    let (_, path) = line.split_once(char::is_whitespace)?;
    let path = path.trim();
    let quoted = ['"', '\'', '`'].into_iter().find_map(|quote| {
        path.strip_prefix(quote)?.strip_suffix(quote).filter(|path| !path.contains(quote))
    });
    Some(quoted.unwrap_or(path).to_owned()).filter(|path| !path.is_empty())
}

/// The answer to `!help`.
#[must_use]
pub fn help(bot: &str) -> String {
    format!(
        "I pass what you write to a Goose agent that works under **your own** Linux account.\n\n\
         - In a channel, mention me: `@{bot} list my files`. In a direct message, just write.\n\
         - Each thread is a conversation of its own. Go on in it by replying.\n\
         - A second message in a thread waits until the first is answered.\n\n\
         | command | what it does |\n|---|---|\n\
         | `!stop` | ends your running turn: in a thread the one there, elsewhere the one in this channel |\n\
         | `!approve NAME`, `!deny NAME` | answers when Goose asks whether it may use a tool, like 👍 and 👎 under its question |\n\
         | `!get PATH` | sends a file of your workspace into this thread |\n\
         | `!whoami` | shows your Linux account, folders and settings |\n\
         | `!help` | shows this |\n"
    )
}

/// The answer to a command that does not exist.
#[must_use]
pub fn unknown(word: &str) -> String {
    format!(
        "I know no command `!{word}`. There are `!stop`, `!approve`, `!deny`, `!get`, `!whoami` and `!help`. If you meant it for the agent, begin with another character than `!`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_any_case_and_with_blanks_around() {
        for (text, want) in [
            ("!stop", Command::Stop),
            ("  !STOP \n", Command::Stop),
            ("!Stop!", Command::Stop),
            ("!stop please", Command::Stop),
            ("!help", Command::Help),
            ("!WhoAmI", Command::Whoami),
            ("!approve", Command::Approve(None)),
            ("!Approve  ABCD please", Command::Approve(Some("abcd".to_owned()))),
            ("!deny abcd", Command::Deny(Some("abcd".to_owned()))),
            ("!get", Command::Get(None)),
            ("!get  Reports/My file.pdf ", Command::Get(Some("Reports/My file.pdf".to_owned()))),
            ("!GET `a b`\nplease", Command::Get(Some("a b".to_owned()))),
            ("!restart", Command::Unknown("restart".to_owned())),
            ("!stopp", Command::Unknown("stopp".to_owned())),
        ] {
            assert_eq!(parse(text), Some(want), "{text:?}");
        }
    }

    #[test]
    fn text_that_only_begins_like_one() {
        for text in [
            "",
            "!",
            "! stop",
            "!!",
            "!!!stop",
            "!3",
            "![a](b)",
            "!=",
            "stop",
            "please !stop",
            "!a=b",
            "!é",
            "!x(1)",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn help_mentions_nobody() {
        assert!(crate::mentions::find(&help("goosebot"), "goosebot").is_empty());
        assert!(help("goosebot").contains("!stop"));
    }
}
