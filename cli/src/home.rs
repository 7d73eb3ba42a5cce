//! Homes of accounts: judged, made and emptied.
//!
//! Trust: inside a home root does nothing: the account itself looks, makes and
//! deletes, so that links there lead root nowhere.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::fs::{chown, fchown};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use gaggle_policy::account::Account;
use gaggle_policy::trusted_file;
use nix::fcntl::{AT_FDCWD, OFlag, RenameFlags, renameat2};

use crate::output::escaped;
use crate::run_as::{self, Said};

/// A home that answers at all does so much sooner.
const HOME_LIMIT: Duration = Duration::from_secs(10);
/// Emptying a large one takes its time.
const DELETE_LIMIT: Duration = Duration::from_secs(600);
/// In a mode.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;
/// How the name of a home begins that is not yet one.
const UNFINISHED: &str = ".gaggle-home.new-";

/// The home is the account's own, and nobody else can put another in its place.
///
/// # Errors
/// A sentence with what mends it.
pub(crate) fn check(account: &Account) -> anyhow::Result<()> {
    let (name, home) = (&account.name, account.home.display());
    let above = || account.home.ancestors().skip(1);
    // Through links, as the worker gets there; whose they are it judges itself.
    // With the dot, whoever may not enter it does not see it either.
    let inside = account.home.join(".");
    let words = ["--dereference", "--format=%u %a %F", "--"].map(Path::new);
    let paths = words.into_iter().chain([inside.as_path()]).chain(above());
    let stat = run(account, "/usr/bin/stat", paths, HOME_LIMIT)?;
    let mut folders = stat.stdout.lines().map(folder);
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

/// Makes the home of a dedicated account, empty and 0700: whole or not at all.
///
/// # Errors
/// If it is there already, or the folder above it is not root's.
pub(crate) fn make(account: &Account) -> anyhow::Result<()> {
    let home = &account.home;
    let named = || home.display().to_string();
    let above = home.parent().context("a home lies in a folder")?;
    trusted_file::open_folder(above).map_err(|why| anyhow::anyhow!("{why}"))?;
    // Of commands that were killed; whoever lives holds the mapping's lock.
    for left in fs::read_dir(above).with_context(named)?.flatten() {
        if left.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir(left.path());
        }
    }
    let private = fs::Permissions::from_mode(0o700);
    let new = tempfile::Builder::new().prefix(UNFINISHED).permissions(private).tempdir_in(above);
    let new = new.with_context(named)?;
    chown(new.path(), Some(account.uid), Some(account.gid)).with_context(named)?;
    let never_over = RenameFlags::RENAME_NOREPLACE;
    renameat2(AT_FDCWD, new.path(), AT_FDCWD, home.as_path(), never_over).with_context(named)?;
    // It has its name; nothing is left to clear away.
    let _ = new.keep();
    Ok(())
}

/// Makes the folder that an agent works in, as the account.
///
/// # Errors
/// What `mkdir` says.
pub(crate) fn make_workspace(account: &Account) -> anyhow::Result<()> {
    let workspace = account.home.join("workspace");
    let words = ["--mode=0700", "--parents", "--"].map(Path::new);
    let words = words.into_iter().chain([workspace.as_path()]);
    let said = run(account, "/usr/bin/mkdir", words, HOME_LIMIT)?;
    if !said.status.success() {
        bail!("{}: {}", workspace.display(), escaped(said.stderr.trim()));
    }
    Ok(())
}

/// Deletes all that is in the home, as the account, and then its folder, as root.
///
/// # Errors
/// If something is left of it.
pub(crate) fn delete(account: &Account) -> anyhow::Result<()> {
    let home = account.home.as_path();
    let find = |words: &[&str]| {
        let words = words.iter().map(Path::new);
        let all = [home, Path::new("-xdev")].into_iter().chain(words);
        run(account, "/usr/bin/find", all, DELETE_LIMIT)
    };
    // What it closed to itself, a cache of Go's modules for one; from the folder
    // above it, since a path may be longer than the system takes.
    let closed = ["-type", "d", "!", "-perm", "-u=rwx", "-execdir"];
    find(&[&closed[..], &["/usr/bin/chmod", "u+rwx", "{}", ";"]].concat())?;
    find(&["-mindepth", "1", "-delete"])?;
    fs::remove_dir(home).with_context(|| {
        format!("{}: something is left that is not {}'s own", home.display(), account.name)
    })
}

/// Leaves what is in the home to root alone: the uid may get another holder.
///
/// # Errors
/// If it is a link or another's folder, which others may need; the system's.
pub(crate) fn keep_for_root(account: &Account) -> anyhow::Result<()> {
    let home = &account.home;
    let given = || {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let folder = fs::File::options().read(true).custom_flags(flags).open(home)?;
        let about = folder.metadata()?;
        // An earlier try may have come so far.
        let done = about.uid() == 0 && about.mode() & 0o7777 == 0o700;
        ensure!(done || about.uid() == account.uid, "it belongs to uid {}", about.uid());
        fchown(&folder, Some(0), Some(0))?;
        // Now nobody else can open it up again.
        Ok(folder.set_permissions(fs::Permissions::from_mode(0o700))?)
    };
    given().with_context(|| {
        let name = &account.name;
        format!("{}: not given to root, and {name} stays; see to it by hand", home.display())
    })
}

fn run<'a>(
    account: &Account,
    program: &str,
    words: impl Iterator<Item = &'a Path>,
    limit: Duration,
) -> anyhow::Result<Said> {
    let mut command = run_as::command(account.uid, account.gid, Path::new(program));
    command.args(words);
    let said = run_as::finish(command, limit)?;
    said.with_context(|| {
        format!("{} does not answer; is its file system up?", account.home.display())
    })
}
