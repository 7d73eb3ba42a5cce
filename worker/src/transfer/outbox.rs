//! What an agent has for its person: named, and moved aside once it is dealt with.
//!
//! Trust: none in what stands there. Moving an entry follows no link and opens
//! nothing.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gaggle_ipc::Text;
use gaggle_ipc::files::{Fate, FileName, FileNews, FileRefusal, MAX_LISTED, stem_and_ending};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat2};
use nix::sys::stat::{FileStat, Mode, mkdirat};

use super::reading::open_regular;
use super::refusal::of_errno;
use super::words::Words;

/// Most entries that are sorted.
const MOST_SEEN: usize = 4096;
/// Most entries of one name that were moved aside.
const MOST_OF_A_NAME: u32 = 999;

/// Names what is in the outbox, in the order of the names.
pub(super) fn list(
    folder: &OwnedFd,
    most: u16,
    words: &mut Words,
) -> Result<FileNews, FileRefusal> {
    let mut names = Vec::new();
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut listing = Dir::openat(folder.as_fd(), ".", flags, Mode::empty()).map_err(of_errno)?;
    for entry in listing.iter().take(MOST_SEEN) {
        let entry = entry.map_err(of_errno)?;
        names.push(entry.file_name().to_bytes().to_owned());
    }
    names.retain(|name| !is_own(name));
    names.sort_unstable();
    for name in names.into_iter().take(most.min(MAX_LISTED).into()) {
        let news = match named(&name) {
            Some(name) => offer(folder, name),
            None => FileNews::Unfit {
                name: Text::lossy(&String::from_utf8_lossy(&name)),
                why: FileRefusal::BadName,
            },
        };
        words.say(&news)?;
    }
    Ok(FileNews::Ended)
}

/// What is not for the person: the folder itself, and what was dealt with.
fn is_own(name: &[u8]) -> bool {
    let aside = [Fate::Sent, Fate::NotSent].map(|fate| fate.folder().as_bytes());
    matches!(name, b"." | b"..") || aside.contains(&name)
}

fn named(name: &[u8]) -> Option<FileName> {
    Text::new(std::str::from_utf8(name).ok()?).ok()
}

fn offer(folder: &OwnedFd, name: FileName) -> FileNews {
    match open_regular(folder, Path::new(name.as_str())) {
        Ok((_, about)) => FileNews::Offered {
            name,
            size: u64::try_from(about.st_size).unwrap_or(u64::MAX),
            stamp: stamp(&about),
        },
        Err(why) => FileNews::Unfit { name, why },
    }
}

/// A number that a change of the file changes. It is no secret and proves nothing: it
/// tells one file from the next of the same name.
fn stamp(about: &FileStat) -> u64 {
    let parts = [
        about.st_ino,
        about.st_size.cast_unsigned(),
        about.st_mtime.cast_unsigned(),
        about.st_mtime_nsec.cast_unsigned(),
    ];
    // FNV-1a, eight bytes at a time.
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, part| {
        (hash ^ part).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Moves an entry to where it is not found again.
pub(super) fn set_aside(folder: &OwnedFd, name: &str, fate: Fate) -> Result<FileNews, FileRefusal> {
    if name.contains('/') || is_own(name.as_bytes()) {
        return Err(FileRefusal::BadName);
    }
    match mkdirat(folder, fate.folder(), Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(of_errno(errno)),
    }
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    let aside = openat2(folder.as_fd(), fate.folder(), how).map_err(of_errno)?;
    let (stem, ending) = stem_and_ending(name);
    for number in 1..=MOST_OF_A_NAME {
        let to = match number {
            1 => name.to_owned(),
            number => format!("{stem}-{number}{ending}"),
        };
        match move_to_free(folder, name, &aside, &to) {
            Ok(()) => return Ok(FileNews::Ended),
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(of_errno(errno)),
        }
    }
    Err(FileRefusal::NameTaken)
}

fn move_to_free(from: &OwnedFd, name: &str, to: &OwnedFd, new: &str) -> Result<(), Errno> {
    match renameat2(from, name, to, new, RenameFlags::RENAME_NOREPLACE) {
        // Not every file system knows the flag. Whoever put something there in
        // this moment loses it, which only the agent itself can do to itself.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            let taken =
                openat2(to.as_fd(), new, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_NOFOLLOW));
            match taken {
                Err(Errno::ENOENT) => renameat2(from, name, to, new, RenameFlags::empty()),
                Err(errno) => Err(errno),
                Ok(_) => Err(Errno::EEXIST),
            }
        }
        done => done,
    }
}

#[cfg(test)]
mod tests;
