//! Makes and deletes dedicated accounts, and tells them from all others.
//!
//! Trust: the name has the supervisor's grammar before it becomes an argument
//! of anything. An account is one that Gaggle made if its comment says so and
//! it has no shell: who has none cannot change either.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use gaggle_ipc::AccountName;
use gaggle_ipc::control::RefusalCode;
use gaggle_policy::account::{self, Account};
use nix::unistd::User;

/// In the comment field of `/etc/passwd`: written with the account in one go,
/// gone with it, and for everybody to see.
const COMMENT: &str = "Gaggle agent";
const NO_SHELL: &str = "/usr/sbin/nologin";

/// An account of this name, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none.
    Nobody,
    /// `gaggle user add` made it.
    Made,
    /// Somebody else did.
    Foreign,
}

/// Whose account that is.
///
/// # Errors
/// If the name services do not say.
pub(crate) fn find(name: &AccountName) -> anyhow::Result<Found> {
    let user = User::from_name(name.as_str()).context("looking the account up")?;
    let Some(user) = user else { return Ok(Found::Nobody) };
    let comment = user.gecos.to_string_lossy();
    let says_so = comment.split(',').next() == Some(COMMENT);
    let no_shell = user.shell.ends_with("nologin");
    Ok(if says_so && no_shell { Found::Made } else { Found::Foreign })
}

/// Where the home of an account is that is yet to be made.
pub(crate) fn home_of(name: &AccountName) -> PathBuf {
    Path::new("/home").join(name.as_str())
}

/// A new account can have its home: what is there is another's.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn check_place(name: &AccountName) -> anyhow::Result<()> {
    let home = home_of(name);
    let Ok(about) = home.symlink_metadata() else { return Ok(()) };
    bail!(
        "{} exists already and belongs to uid {}; move it away, or make an account for it yourself and use --adopt",
        home.display(),
        about.uid()
    );
}

/// Makes a dedicated account: no shell, no password, a group of its own, no
/// further ids. Its home is made afterwards.
///
/// # Errors
/// What `useradd` says.
pub(crate) fn create(name: &AccountName) -> anyhow::Result<()> {
    let mut useradd = Command::new("/usr/sbin/useradd");
    useradd
        .args(["--no-create-home", "--user-group", "--shell", NO_SHELL, "--comment", COMMENT])
        .args(["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0", "--home-dir"])
        .arg(home_of(name));
    let said = run(useradd, name)?;
    match said {
        // One that a killed command had begun may have come to its end meanwhile.
        Some(_) if find(name)? == Found::Made => Ok(()),
        Some(said) => bail!("{said}"),
        None => Ok(()),
    }
}

/// Deletes a dedicated account with its group. Its home stays.
///
/// # Errors
/// What `userdel` says.
pub(crate) fn delete(name: &AccountName) -> anyhow::Result<()> {
    match run(Command::new("/usr/sbin/userdel"), name)? {
        Some(_) if find(name)? == Found::Nobody => Ok(()),
        Some(said) => bail!("{said}"),
        None => Ok(()),
    }
}

/// Runs one of the programs of the package `passwd`; what it says if it fails.
fn run(mut command: Command, name: &AccountName) -> anyhow::Result<Option<String>> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.args(["--", name.as_str()]).stdin(Stdio::null());
    // A Ctrl-C must not end it between one of its files and the next.
    let output = command.process_group(0).output();
    let output = output.with_context(|| format!("{program}: install the package passwd"))?;
    // It names itself in each line.
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((!output.status.success()).then_some(said))
}

/// Judges an existing account by itself, as the supervisor will.
///
/// # Errors
/// A sentence with what mends it.
pub(crate) fn check(name: &AccountName) -> anyhow::Result<Account> {
    let sentence = |code: RefusalCode| anyhow::anyhow!(account::problem(code, name));
    let account = account::look_up(name).map_err(sentence)?;
    if account::is_expired(&account).map_err(sentence)? {
        bail!("{name} is expired; to let it work again: chage -E -1 {name}");
    }
    Ok(account)
}
