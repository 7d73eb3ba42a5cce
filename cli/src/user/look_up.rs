//! Who somebody is in Mattermost: the frontend's program is asked, as the
//! frontend's account.
//!
//! Root neither parses what a server sends nor sees the token: that program
//! gets the open file, reads the configuration as the service does, and says
//! one line.
//!
//! Trust: the line is taken for who has an id, like all that the frontend says,
//! and for nothing else.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use gaggle_ipc::MattermostUserId;
use gaggle_policy::configuration::Snapshot;
use gaggle_policy::trusted_file;
use nix::fcntl::OFlag;

use super::who::{Username, Who};
use crate::output::escaped;
use crate::{Places, run_as};

/// The program gives up earlier by itself.
const LIMIT: Duration = Duration::from_secs(15);
const PROGRAM: &str = "gaggle-frontend";
/// Where packages put it; first it is looked for beside this program.
const PACKAGED: &str = "/usr/lib/gaggle";
/// In the configuration folder; the unit passes the same to the service.
const TOKEN: &str = "mattermost-token";
/// Its ways to end, as its `--help` has them.
const TOKEN_REFUSED: i32 = 77;
const UNUSABLE: i32 = 78;
/// Variables that say how the server is reached.
const PROXIES: &[&str] = &[
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// What the server knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Somebody who may be served.
    Person(MattermostUserId, Option<Username>),
    /// Somebody who was deactivated there.
    Deactivated(MattermostUserId, Option<Username>),
    /// A bot that the frontend does not answer.
    Bot(MattermostUserId, Option<Username>),
    /// Gaggle's own bot.
    Itself(MattermostUserId, Option<Username>),
    /// There is nobody like that; who may be meant.
    Nobody(Vec<Username>),
}

/// Why nothing is known.
#[derive(Debug)]
pub(super) enum Failure {
    /// It cannot be asked, or does not answer; a sentence.
    Unavailable(String),
    /// It does not take the bot's token; a sentence.
    Token(String),
}

impl Failure {
    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Unavailable(why) | Self::Token(why) => why,
        }
    }
}

/// Asks Mattermost.
///
/// # Errors
/// [`Failure`].
pub(super) fn ask(places: &Places, who: &Who) -> Result<Answer, Failure> {
    let said = run(places, who).map_err(|error| Failure::Unavailable(format!("{error:#}")))?;
    let why = || {
        let text = said.stderr.trim().trim_start_matches("gaggle-frontend: ");
        text.lines().map(escaped).collect::<Vec<_>>().join("\n  ")
    };
    match said.status.code() {
        Some(0) => parse(&said.stdout)
            .ok_or_else(|| Failure::Unavailable("the look-up did not say who it is".to_owned())),
        Some(TOKEN_REFUSED) => Err(Failure::Token(why())),
        Some(UNUSABLE) => Err(Failure::Unavailable(format!(
            "{}\n  check it: gaggle-frontend --check-config",
            why()
        ))),
        _ => Err(Failure::Unavailable(why())),
    }
}

fn run(places: &Places, who: &Who) -> anyhow::Result<run_as::Said> {
    let snapshot = Snapshot::load_with(&places.config_dir, "{}");
    let snapshot = snapshot.map_err(|why| anyhow::anyhow!("{why}"))?;
    let (uid, gid) = snapshot.frontend.with_context(|| {
        format!(
            "there is no account {}; is the package installed?",
            snapshot.settings.frontend_user
        )
    })?;
    let mut command = run_as::command(uid, gid, &program()?);
    command.arg("--config-dir").arg(&places.config_dir).arg(format!("--look-up={who}"));
    command.envs(PROXIES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    if let Some(token) = token(&places.config_dir)? {
        command.stdin(Stdio::from(token));
    }
    run_as::finish(command, LIMIT)?
        .with_context(|| format!("Mattermost did not answer within {} s", LIMIT.as_secs()))
}

/// The frontend's program, which only root can have written.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies")?;
    let beside = own.with_file_name(PROGRAM);
    let path = if beside.exists() { beside } else { Path::new(PACKAGED).join(PROGRAM) };
    trusted_file::check_program(&path).map_err(|why| anyhow::anyhow!("{why}"))?;
    Ok(path)
}

/// Root's file with the token, opened and not looked into; `None` where the
/// frontend has it from elsewhere.
fn token(config_dir: &Path) -> anyhow::Result<Option<File>> {
    let path = config_dir.join(TOKEN);
    // What is no file must not keep this waiting.
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits();
    let file = match File::options().read(true).custom_flags(flags).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| path.display().to_string())?,
    };
    let named = || path.display().to_string();
    if !file.metadata().with_context(named)?.is_file() {
        return Ok(None);
    }
    Ok(Some(file))
}

/// One line of the fixed form; `None` for everything else.
fn parse(text: &str) -> Option<Answer> {
    let line = text.strip_suffix('\n')?;
    let mut words = line.split(' ');
    let word = words.next()?;
    if word == "nobody" {
        let names: Option<Vec<_>> = words.map(Username::new).collect();
        return names.filter(|names| names.len() <= 3).map(Answer::Nobody);
    }
    let id = MattermostUserId::new(words.next()?).ok()?;
    let name = match words.next()? {
        "-" => None,
        name => Some(Username::new(name)?),
    };
    let answer = match word {
        "person" => Answer::Person,
        "deactivated" => Answer::Deactivated,
        "bot" => Answer::Bot,
        "itself" => Answer::Itself,
        _ => return None,
    };
    words.next().is_none().then(|| answer(id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4u738icxytb4f8spoou9mcp7fy";

    #[test]
    fn each_line_says_who_it_is() {
        let (id, alice) = (MattermostUserId::new(ID).unwrap(), Username::new("alice"));
        for (line, answer) in [
            (format!("person {ID} alice\n"), Answer::Person(id, alice.clone())),
            (format!("bot {ID} -\n"), Answer::Bot(id, None)),
            (format!("deactivated {ID} alice\n"), Answer::Deactivated(id, alice.clone())),
            ("nobody\n".to_owned(), Answer::Nobody(Vec::new())),
            ("nobody alice\n".to_owned(), Answer::Nobody(vec![alice.clone().unwrap()])),
        ] {
            assert_eq!(parse(&line), Some(answer), "{line}");
        }
    }

    #[test]
    fn whatever_else_is_said_is_no_answer() {
        let long = "a".repeat(65);
        for line in [
            String::new(),
            "person".to_owned(),
            format!("person {ID} alice"),
            format!("person {ID} alice\nperson {ID} bob\n"),
            format!("person {ID}  alice\n"),
            format!("person {ID} alice bob\n"),
            format!("person {ID} ali\u{1b}[2Jce\n"),
            format!("person {ID} {long}\n"),
            format!("person {} alice\n", &ID[1..]),
            format!("person {ID}0 alice\n"),
            format!("root {ID} alice\n"),
            "nobody a b c d\n".to_owned(),
        ] {
            assert_eq!(parse(&line), None, "{line:?}");
        }
    }
}
