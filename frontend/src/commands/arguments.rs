//! The arguments of commands.
//!
//! Trust: the text is anybody's; what makes no sense is no argument.

use gaggle_ipc::ModelName;
use gaggle_ipc::session::GooseMode;

use super::{Command, MAX_WORD, ModelWish};

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// So many, 1 to 999.
    pub count: u16,
    /// Of these.
    pub unit: Unit,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Weeks.
    Weeks,
}

impl Since {
    /// In milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        let minutes = match self.unit {
            Unit::Minutes => 1,
            Unit::Hours => 60,
            Unit::Days => 24 * 60,
            Unit::Weeks => 7 * 24 * 60,
        };
        i64::from(self.count) * minutes * 60_000
    }
}

impl std::fmt::Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::Minutes => "minute",
            Unit::Hours => "hour",
            Unit::Days => "day",
            Unit::Weeks => "week",
        };
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.count)
    }
}

/// A command that takes no arguments.
pub(super) fn bare(arguments: &str, command: Command) -> Option<Command> {
    arguments.is_empty().then_some(command)
}

/// The only word, if there is one.
fn one_word(arguments: &str) -> Option<Option<&str>> {
    let mut words = arguments.split_whitespace();
    let word = words.next();
    words.next().is_none().then_some(word)
}

/// The first word, for a command that passes over the others.
pub(super) fn name(arguments: &str) -> Option<String> {
    let word = arguments.split_whitespace().next()?;
    Some(word.to_ascii_lowercase().chars().take(MAX_WORD).collect())
}

pub(super) fn new(arguments: &str) -> Option<Command> {
    Some(Command::New(Some(arguments).filter(|text| !text.is_empty()).map(str::to_owned)))
}

pub(super) fn help(arguments: &str) -> Option<Command> {
    let word = one_word(arguments)?;
    Some(Command::Help(word.map(|word| word.trim_start_matches('!').to_ascii_lowercase())))
}

/// All that stands on the line: a path may have spaces. It may stand in quotes, or
/// as code.
pub(super) fn get(arguments: &str) -> Option<Command> {
    let path = arguments.trim_start().lines().next()?.trim();
    let quoted = ['"', '\'', '`'].into_iter().find_map(|quote| {
        path.strip_prefix(quote)?.strip_suffix(quote).filter(|path| !path.contains(quote))
    });
    let path = quoted.unwrap_or(path);
    (!path.is_empty()).then(|| Command::Get(path.to_owned()))
}

pub(super) fn resume(arguments: &str) -> Option<Command> {
    let number = one_word(arguments)??.trim_start_matches('#');
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|number| digits && *number > 0).map(Command::Resume)
}

pub(super) fn mode(arguments: &str) -> Option<Command> {
    let Some(word) = one_word(arguments)? else { return Some(Command::Mode(None)) };
    let word = word.to_ascii_lowercase().replace('-', "_");
    GooseMode::parse(&word).map(|mode| Command::Mode(Some(mode)))
}

pub(super) fn model(arguments: &str) -> Option<Command> {
    let Some(word) = one_word(arguments)? else { return Some(Command::Model(None)) };
    let wish = match word.trim_matches('`') {
        word if word.eq_ignore_ascii_case("default") => ModelWish::Usual,
        word => ModelWish::Named(ModelName::new(word).ok()?),
    };
    Some(Command::Model(Some(wish)))
}

pub(super) fn quiet(arguments: &str) -> Option<Command> {
    let quiet = match one_word(arguments)?.map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("on") => Some(true),
        Some("off") => Some(false),
        Some(_) => return None,
    };
    Some(Command::Quiet(quiet))
}

pub(super) fn summarize(arguments: &str) -> Option<Command> {
    let Some(word) = one_word(arguments)? else { return Some(Command::Summarize(None)) };
    let word = word.to_ascii_lowercase();
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match word.strip_prefix(digits)? {
        "m" | "min" => Unit::Minutes,
        "h" => Unit::Hours,
        "d" => Unit::Days,
        "w" => Unit::Weeks,
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse().ok().filter(|count| plain && (1..=999).contains(count))?;
    Some(Command::Summarize(Some(Since { count, unit })))
}
