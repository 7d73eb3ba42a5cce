//! The half of `gaggle doctor isolation` that is root: asks the supervisor for
//! a worker of each person and hands its session socket on.
//!
//! Trust: the supervisor. What comes over a session socket is an account's word
//! and is read by another process, without privileges; of that process root
//! takes nothing but that it is done, and its exit status.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gaggle_ipc::admin::{AdminReply, AdminRequest, Entry, Summary};
use gaggle_ipc::control::{Refusal, RefusalCode};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::{AccountName, MattermostUserId, seqpacket};
use nix::unistd::Uid;

use super::handover::{End, Message, Person};
use super::{advice, session};
use crate::admin_socket::{Answer, Supervisor};
use crate::{Places, output, status};

/// Beyond what the reader gives a session, it hangs.
const READER_LIMIT: Duration = session::LIMIT.saturating_add(Duration::from_secs(10));
/// A person's earlier probe may take so long to be buried.
const BURIAL: Duration = Duration::from_secs(10);
/// Pause between two questions about it.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const NOT_RUNNING: &str = "the supervisor is not running; start it: systemctl start gaggle";

/// Probes everybody, or the people of one account.
///
/// # Errors
/// A sentence with what to do; nothing was proved then.
pub(super) fn run(
    places: &Places,
    account: Option<&AccountName>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if !Uid::effective().is_root() {
        bail!("probing people's sandboxes needs root; use sudo");
    }
    let report = status::ask(places)?.context(NOT_RUNNING)?;
    let people = chosen(report.entries, account)?;
    let reader = start_reader(json.then_some("--json"), Stdio::inherit())?;
    let held = probe(places, report.summary, &people, reader)?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Probes one person and says in a line what came of it; on standard error, if
/// standard output is for something else. Returns whether all held.
///
/// # Errors
/// As [`run`].
pub(super) fn prove(places: &Places, user: MattermostUserId, quiet: bool) -> anyhow::Result<bool> {
    let report = status::ask(places)?.context(NOT_RUNNING)?;
    let mut people = report.entries;
    people.retain(|entry| entry.key.as_str() == user.as_str());
    let to = if quiet { Stdio::from(io::stderr()) } else { Stdio::inherit() };
    let reader = start_reader(Some("--brief"), to)?;
    probe(places, report.summary, &people, reader)
}

fn probe(
    places: &Places,
    summary: Option<Summary>,
    people: &[Entry],
    (mut reader, end): (Child, End),
) -> anyhow::Result<bool> {
    let summary = summary.context("the supervisor says nothing about itself")?;
    let supervisor = Supervisor::find(places)?.context(NOT_RUNNING)?;
    let machine = Message::Machine {
        supervisor: summary.version.to_string(),
        landlock_abi: summary.landlock_abi,
    };
    let handed = end.send(&machine, None).and_then(|()| hand_over(&supervisor, people, &end));
    // Its end is the reader's sign to finish.
    drop(end);
    if handed.is_err() {
        // It may hang; what it has printed stays.
        let _ = reader.kill();
    }
    let ended = reader.wait().context("the process that reads the sessions")?;
    handed?;
    Ok(ended.success())
}

fn chosen(entries: Vec<Entry>, account: Option<&AccountName>) -> anyhow::Result<Vec<Entry>> {
    let wanted = |entry: &Entry| account.is_none_or(|name| entry.account.as_str() == name.as_str());
    let people: Vec<Entry> = entries.into_iter().filter(wanted).collect();
    match (people.is_empty(), account) {
        (false, _) => Ok(people),
        (true, Some(name)) => bail!("nobody is mapped to {name}; see: gaggle user list"),
        (true, None) => {
            bail!("nobody is mapped yet; add people with: gaggle user add ACCOUNT --mattermost ID")
        }
    }
}

/// This program once more, with the socket as its standard input. It gives up
/// root by itself, before it reads.
fn start_reader(manner: Option<&str>, to: Stdio) -> anyhow::Result<(Child, End)> {
    let (ours, theirs) = seqpacket::pair().context("a socket for the reading half")?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["doctor", "read-sessions"]).args(manner).stdout(to);
    let reader = command.env_clear().envs(kept_variables()).stdin(theirs).spawn();
    Ok((reader.context("starting the half that reads the sessions")?, End::new(ours)))
}

/// What decides about colours and nothing else.
fn kept_variables() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let names = ["TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "LANG"];
    names.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

fn hand_over(supervisor: &Supervisor, people: &[Entry], end: &End) -> anyhow::Result<()> {
    for (at, entry) in people.iter().enumerate() {
        progress(&format!("probing {} ({} of {})", entry.account, at + 1, people.len()));
        let (person, answer) = start_worker(supervisor, entry)?;
        let session = answer.and_then(|answer| answer.descriptor);
        end.send(&Message::Person(person), session.as_ref())?;
        // Two holders, and the worker would not see the reader's end.
        drop(session);
        end.wait(READER_LIMIT)?;
    }
    Ok(())
}

fn start_worker(
    supervisor: &Supervisor,
    entry: &Entry,
) -> anyhow::Result<(Person, Option<Answer>)> {
    let mut person = Person {
        user: entry.key.to_string(),
        account: entry.account.to_string(),
        profile: entry.profile.map(|profile| profile.as_str().to_owned()),
        shared: false,
        refused: entry.problem.as_ref().map(ToString::to_string),
        next: None,
        took_ms: 0,
    };
    if person.refused.is_some() {
        return Ok((person, None));
    }
    let Ok(user) = MattermostUserId::new(entry.key.as_str()) else {
        person.refused = Some("the key is no Mattermost id".to_owned());
        return Ok((person, None));
    };
    let asked = Instant::now();
    let answer = ask_until_buried(supervisor, user)?;
    person.took_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
    person.refused = answer.refusal.map(reason);
    person.next = answer.refusal.map(|refusal| advice::next(refusal.code, &person.account));
    for reply in &answer.replies {
        if let AdminReply::Probing { account, profile, shared, .. } = reply {
            person.account = account.to_string();
            person.profile = Some(Profile::as_str(*profile).to_owned());
            person.shared = *shared;
        }
    }
    Ok((person, Some(answer)))
}

fn ask_until_buried(supervisor: &Supervisor, user: MattermostUserId) -> anyhow::Result<Answer> {
    let deadline = Instant::now() + BURIAL;
    loop {
        let answer = supervisor.ask(&AdminRequest::Probe { user })?;
        let busy = answer.refusal.is_some_and(|refusal| refusal.code == RefusalCode::Busy);
        if !busy || Instant::now() > deadline {
            return Ok(answer);
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

fn reason(refusal: Refusal) -> String {
    let mut text = format!("the supervisor refused: {}", refusal.code.name());
    if let Some(step) = refusal.step {
        text += &format!(", step {}", step.name());
    }
    if refusal.errno != 0 {
        text += &format!(" ({})", nix::errno::Errno::from_raw(refusal.errno).desc());
    }
    text
}

/// A line for whoever waits, on a terminal only.
fn progress(text: &str) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() {
        let _ = writeln!(terminal, "{}", output::escaped(text));
    }
}
