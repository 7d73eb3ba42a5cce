//! What an admin agrees to, in words, and whether they do.
//!
//! Trust: whoever types at the terminal, or wrote `--yes`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use gaggle_ipc::launch::Profile;
use gaggle_policy::account::Account;

use super::person::Person;
use crate::output;

/// Goes on only if the admin says yes: by `--yes`, or here at a terminal.
///
/// # Errors
/// If they do not, or cannot be asked.
pub(super) fn ask(what: &str, question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!("{what} needs a yes: run this on a terminal, or add --yes");
    }
    let mut terminal = io::stderr();
    let _ = write!(terminal, "{question} [y/N] ");
    let _ = terminal.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}

/// What an agent under an account that was there before will see and do.
pub(super) fn adoption(account: &Account, profile: Profile, person: &Person) -> Vec<String> {
    let (name, home) = (&account.name, account.home.display());
    let mut lines =
        vec![format!("{name} is an existing account: uid {}, home {home}.", account.uid)];
    lines.push(format!("The agent of {person} will run as {name}, in a sandbox:"));
    match profile {
        Profile::Workspace => {
            lines.push(format!(
                "  - it reads and writes {home}/workspace and its own folders below"
            ));
            lines.push(format!("    {home}/.cache, .local/share and .local/state"));
            lines.push(format!("  - it sees nothing else of {home}"));
        }
        Profile::Full => {
            lines.push(format!("  - it reads and changes EVERYTHING in {home}: keys in .ssh,"));
            lines.push("    mail, and files that run at the next login, as that person".to_owned());
            lines.push("    outside of the sandbox".to_owned());
        }
    }
    lines.push(
        "  - it runs the system's programs and what it writes itself, and reaches".to_owned(),
    );
    lines.push("    the network".to_owned());
    lines
        .push("  - it has no supplementary groups, no sudo and no other set-id program".to_owned());
    lines.push("Whoever can write as that person in Mattermost directs it.".to_owned());
    lines
}

/// Prints what the question is about, for whoever is asked and for the log of
/// whoever said `--yes`.
pub(super) fn explain(lines: &[String]) {
    for line in lines {
        output::remark(line);
    }
}
