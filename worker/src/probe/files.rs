//! Files of other people, of Gaggle and of the system.
//!
//! Trust: the list of homes is the account database's.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd;

use super::attempt::{Absence, Outcome, Tries};
use super::ground::Ground;

/// Accounts of people begin here.
const FIRST_PERSON: u32 = 1000;
/// `nobody`.
const NOBODY: u32 = 65534;
/// Homes that are tried at most.
const MOST_HOMES: usize = 200;

/// Lists every other account's home and makes a file in it.
pub(super) fn other_homes(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut homes: Vec<PathBuf> = accounts
        .lines()
        .filter_map(|line| home_of_another(line, ground.uid.as_raw()))
        .filter(|home| *home != ground.home)
        .collect();
    homes.push("/root".into());
    homes.sort();
    homes.dedup();
    for home in homes.iter().take(MOST_HOMES) {
        tries.add_io(format!("list {}", home.display()), fs::read_dir(home));
        tries.add(format!("write in {}", home.display()), write_in(home));
    }
    tries.outcome()
}

fn home_of_another(line: &str, own: u32) -> Option<PathBuf> {
    let mut fields = line.split(':').skip(2);
    let uid: u32 = fields.next()?.parse().ok()?;
    let home = fields.nth(2)?;
    let person = uid >= FIRST_PERSON && uid != NOBODY && uid != own;
    (person && home.len() > 1).then(|| home.into())
}

/// Opens a file for writing in the folder that never gets a name.
pub(super) fn write_in(folder: &Path) -> Result<(), Errno> {
    let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    open(folder, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(drop)
}

/// Opens a file for reading, without waiting for a pipe's or a device's peer.
pub(super) fn read(path: impl AsRef<Path>) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Opens a file that is there for writing, and writes nothing.
pub(super) fn write(path: impl AsRef<Path>) -> std::io::Result<File> {
    OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Empties a file that the account owns and the sandbox grants for reading
/// alone: this process's name, which does not change by it.
pub(super) fn truncate(_: &Ground) -> Outcome {
    const NAME: &str = "/proc/self/comm";
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add("truncate", unistd::truncate(NAME, 0));
    let emptied = OpenOptions::new().read(true).custom_flags(OFlag::O_TRUNC.bits()).open(NAME);
    tries.add_io("open for reading with O_TRUNC", emptied);
    tries.outcome()
}

/// Opens the files that hold passwords.
pub(super) fn shadow(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for path in ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/security/opasswd"] {
        tries.add_io(format!("read {path}"), read(path));
    }
    tries.outcome()
}

/// Opens the secrets among Gaggle's configuration, and all of it for writing.
pub(super) fn gaggle_config(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let at = |name: &str| Path::new("/etc/gaggle").join(name);
    for name in ["goose.env", "gaggle.env"] {
        tries.add_io(format!("read {}", at(name).display()), read(at(name)));
    }
    tries.add_io("list /etc/gaggle/accounts", fs::read_dir(at("accounts")));
    for name in ["user_mapping.json", "supervisor.toml", "gaggle.toml", "goose.env"] {
        tries.add_io(format!("write {}", at(name).display()), write(at(name)));
    }
    tries.add("write in /etc/gaggle", write_in(&at("")));
    tries.outcome()
}

/// Opens the places where the bot's token and the frontend's state are.
pub(super) fn token(_: &Ground) -> Outcome {
    let mut hidden = Tries::new(Absence::IsTheDefence);
    for folder in
        ["/run/credentials", "/run/credentials/gaggle-frontend.service", "/var/lib/gaggle"]
    {
        hidden.add_io(format!("list {folder}"), fs::read_dir(folder));
    }
    for file in [
        "/run/credentials/gaggle-frontend.service/mattermost-token",
        "/var/lib/gaggle/gaggle.sqlite",
        "/etc/gaggle/token",
        "/etc/credstore/mattermost-token",
    ] {
        hidden.add_io(format!("read {file}"), read(file));
    }
    hidden.outcome()
}

/// Makes a file in folders of the system.
pub(super) fn write_system(_: &Ground) -> Outcome {
    let folders = [
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local/bin",
        "/etc",
        "/etc/profile.d",
        "/etc/ssh",
        "/opt",
        "/boot",
        "/var",
        "/var/lib",
        "/var/log",
        "/srv",
        "/",
    ];
    in_each(folders.map(PathBuf::from))
}

/// Makes a file among Gaggle's programs, and opens one of them for writing.
pub(super) fn write_programs(ground: &Ground) -> Outcome {
    let at = |name: &str| ground.programs.join(name);
    let mut tries = Tries::new(Absence::ProvesNothing);
    for folder in [at(""), at("goose-home"), at("goose-config/goose")] {
        tries.add(format!("write in {}", folder.display()), write_in(&folder));
    }
    for file in
        ["gaggle-supervisor", "goose-config/goose/config.yaml", "goose-config/goose/AGENTS.md"]
    {
        let file = at(file);
        tries.add_io(format!("write {}", file.display()), write(&file));
    }
    tries.outcome()
}

/// Makes a file where something else would run it later.
pub(super) fn spools(_: &Ground) -> Outcome {
    let folders = [
        "/var/spool/cron",
        "/var/spool/cron/crontabs",
        "/var/spool/at",
        "/etc/cron.d",
        "/etc/systemd/system",
        "/var/lib/systemd/linger",
    ];
    in_each(folders.map(PathBuf::from))
}

fn in_each(folders: impl IntoIterator<Item = PathBuf>) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for folder in folders {
        tries.add(format!("write in {}", folder.display()), write_in(&folder));
    }
    tries.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_peoples_homes_are_taken_from_the_database() {
        let home = |line| home_of_another(line, 1001);
        assert_eq!(home("bob:x:1002:1002:B:/home/bob:/bin/sh"), Some("/home/bob".into()));
        for not in [
            "alice:x:1001:1001::/home/alice:/bin/sh",
            "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin",
            "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin",
            "broken",
            "x:x:abc:1::/home/x:",
            "x:x:1002:1::/:",
        ] {
            assert_eq!(home(not), None, "{not}");
        }
    }
}
