//! Makes a dedicated account, or finds out whether an existing one will do.
//!
//! Trust: the name has the supervisor's grammar before it becomes an argument
//! of anything. Inside the home root does nothing: the account itself looks
//! and makes.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gaggle_ipc::AccountName;
use gaggle_ipc::control::RefusalCode;
use gaggle_policy::account::{self, Account};
use nix::unistd::{Uid, User};

/// A home that answers at all does so much sooner.
const HOME_LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);
/// In a mode.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// An account of this name exists, whatever it is.
pub(crate) fn exists(name: &AccountName) -> anyhow::Result<bool> {
    Ok(User::from_name(name.as_str()).context("looking the account up")?.is_some())
}

/// Makes a dedicated account: a home of its own with mode 0700, no shell, no
/// password, a group of its own.
///
/// # Errors
/// What `useradd` says.
pub(crate) fn create(name: &AccountName) -> anyhow::Result<()> {
    let output = Command::new("/usr/sbin/useradd")
        .args(["--create-home", "--user-group", "--shell", "/usr/sbin/nologin"])
        .args(["--key", "HOME_MODE=0700", "--comment", "Gaggle agent", "--", name.as_str()])
        .stdin(Stdio::null())
        .output()
        .context("/usr/sbin/useradd: install the package passwd")?;
    if !output.status.success() {
        // It names itself in each line.
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Judges the account as the supervisor will at each start.
///
/// # Errors
/// A sentence with what mends it.
pub(crate) fn check(name: &AccountName) -> anyhow::Result<Account> {
    let account =
        account::look_up(name).map_err(|code| anyhow::anyhow!("{}", sentence(code, name)))?;
    if account::is_expired(&account).map_err(|code| anyhow::anyhow!(sentence(code, name)))? {
        bail!("{name} is expired; to let it work again: chage -E -1 {name}");
    }
    check_home(&account)?;
    Ok(account)
}

/// The home is the account's own, and nobody else can put another in its place.
fn check_home(account: &Account) -> anyhow::Result<()> {
    let (name, home) = (&account.name, account.home.display());
    let above = || account.home.ancestors().skip(1);
    // Through links, as the worker gets there; whose they are it judges itself.
    let mut stat = as_account(account, "/usr/bin/stat");
    stat.args(["--dereference", "--format=%u %a %F", "--"]);
    // With the dot, whoever may not enter it does not see it either.
    stat.arg(account.home.join(".")).args(above());
    let stat = finish(stat, account)?;
    let lines = String::from_utf8_lossy(&stat.stdout).into_owned();
    let mut folders = lines.lines().map(folder);
    let own = folders.next().flatten().filter(|_| stat.status.success());
    let Some((owner, mode)) = own else {
        bail!(
            "{home}: no such folder, or {name} may not enter it; make it: mkhomedir_helper {name}"
        );
    };
    if owner != account.uid {
        bail!("{home} belongs to uid {owner}; run: chown {name}: {home}");
    }
    if mode & OTHERS_WRITE != 0 {
        bail!("{home} has mode {mode:o}, so others may write it; run: chmod go-w {home}");
    }
    for (above, found) in above().zip(folders) {
        if !found.is_some_and(|found| is_safe(found, account)) {
            let above = above.display();
            bail!(
                "{above} is another account's, or others may write it, so they could exchange {home}; run: chown root {above} && chmod go-w {above}"
            );
        }
    }
    Ok(())
}

/// Nobody but root and the account can exchange what is in a folder of that
/// owner and mode. The worker's rule, told before it refuses.
fn is_safe((owner, mode): (u32, u32), account: &Account) -> bool {
    let sticky = owner == 0 && mode & STICKY != 0;
    (owner == 0 || owner == account.uid) && (mode & OTHERS_WRITE == 0 || sticky)
}

/// Owner and mode of a folder; `None` if it is none.
fn folder(line: &str) -> Option<(u32, u32)> {
    let mut words = line.splitn(3, ' ');
    let (owner, mode) = (words.next()?.parse().ok()?, words.next()?);
    (words.next() == Some("directory")).then_some((owner, u32::from_str_radix(mode, 8).ok()?))
}

/// Makes the folders that an agent works in, as the account.
///
/// # Errors
/// What `mkdir` says.
pub(crate) fn make_folders(account: &Account) -> anyhow::Result<()> {
    let workspace = account.home.join("workspace");
    let mut mkdir = as_account(account, "/usr/bin/mkdir");
    mkdir.args(["--mode=0700", "--parents", "--"]).arg(&workspace);
    let output = finish(mkdir, account)?;
    if !output.status.success() {
        bail!("{}: {}", workspace.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// A program run as the account, so that links in its home lead root nowhere.
fn as_account(account: &Account, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LANG", "C.UTF-8").stdin(Stdio::null()).current_dir(Path::new("/"));
    if Uid::effective().is_root() {
        // The standard library drops supplementary groups before the gid and
        // the gid before the uid.
        command.gid(account.gid).uid(account.uid).process_group(0);
    }
    command
}

/// Runs it to its end, which never comes where the home's file system hangs.
fn finish(mut command: Command, account: &Account) -> anyhow::Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    // What these programs say fits into a pipe many times over.
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| program.clone())?;
    let deadline = Instant::now() + HOME_LIMIT;
    while child.try_wait().with_context(|| program.clone())?.is_none() {
        if Instant::now() > deadline {
            // It may outlive even that, so it is not waited for.
            let _ = child.kill();
            bail!("{} does not answer; is its file system up?", account.home.display());
        }
        std::thread::sleep(LOOK);
    }
    child.wait_with_output().context(program)
}

fn sentence(code: RefusalCode, name: &AccountName) -> String {
    match code {
        RefusalCode::AccountIsRoot => format!("{name} is root; nobody's agent runs as root"),
        RefusalCode::AccountIsSystem => {
            format!("{name} is a system account (uid below 1000 or 65534); choose another name")
        }
        RefusalCode::HomeUnusable => {
            format!("{name} has no usable home; set one: usermod -d /home/{name} {name}")
        }
        RefusalCode::AccountUnknown => format!("no account {name}; without --adopt it is made"),
        _ => format!("{name} could not be looked up; is the name service up?"),
    }
}
