//! Puts a file into a thread's inbox.
//!
//! The bytes go into a part with a name of its own, which gets its real name once
//! it is whole, and never that of something else. A file that is there already, byte
//! for byte, is not stored a second time: a turn that is run again finds it.
//!
//! Trust: none in the name, nor in what an agent makes of the folder meanwhile: it
//! can do no more with the file than with its own.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::Text;
use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal, WINDOW, plain_name, stem_and_ending};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{
    AtFlags, Flock, FlockArg, OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat2,
};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::reading::open_regular;
use super::refusal::{of_errno, of_io};
use super::words::Words;

/// What the name of an unfinished file begins with.
const PART: &str = ".gaggle-part-";
/// Most files of one name.
const MOST_OF_A_NAME: u32 = 999;
/// Most leftovers that are looked for.
const MOST_LEFTOVERS: usize = 1000;
/// How often a name for a part is tried.
const TRIES: u32 = 16;
/// Bytes that are compared at once.
const BLOCK: usize = 64 * 1024;

/// Stores what comes over `words` in `folder`, whose path is `at`.
pub(super) fn store(
    folder: &OwnedFd,
    at: &Path,
    name: &str,
    size: u64,
    words: &mut Words,
) -> Result<FileNews, FileRefusal> {
    clear_leftovers(folder);
    let mut part = Part::make(folder)?;
    words.say(&FileNews::Room { chunks: WINDOW })?;
    part.fill(size, words)?;
    let name = part.settle(&plain_name(name))?;
    let path = at.join(&name).to_str().and_then(|path| Text::new(path).ok());
    Ok(FileNews::Stored {
        name: Text::new(name).map_err(|_| FileRefusal::BadName)?,
        path: path.ok_or(FileRefusal::BadName)?,
    })
}

/// An unfinished file. Dropped, it is gone.
struct Part<'a> {
    folder: &'a OwnedFd,
    name: String,
    /// Locked as long as it is written, so that nobody takes it for a leftover.
    file: Flock<File>,
    there: bool,
}

impl<'a> Part<'a> {
    fn make(folder: &'a OwnedFd) -> Result<Self, FileRefusal> {
        let how = OpenHow::new()
            .flags(
                OFlag::O_RDWR
                    | OFlag::O_CREAT
                    | OFlag::O_EXCL
                    | OFlag::O_NOFOLLOW
                    | OFlag::O_CLOEXEC,
            )
            .mode(Mode::S_IRUSR | Mode::S_IWUSR)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        for attempt in 0..TRIES {
            let name = format!("{PART}{}-{now}-{attempt}", std::process::id());
            match openat2(folder, name.as_str(), how) {
                Ok(file) => {
                    let file = Flock::lock(File::from(file), FlockArg::LockExclusiveNonblock);
                    let file = file.map_err(|(_, errno)| of_errno(errno))?;
                    // Before it was locked somebody may have taken it for a leftover.
                    if file.metadata().is_ok_and(|about| about.nlink() == 1) {
                        return Ok(Self { folder, name, file, there: true });
                    }
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(of_errno(errno)),
            }
        }
        Err(FileRefusal::NameTaken)
    }

    fn fill(&mut self, size: u64, words: &mut Words) -> Result<(), FileRefusal> {
        let mut left = size;
        loop {
            match words.hear()? {
                FileOrder::Bytes(chunk) => {
                    left = left.checked_sub(chunk.size()).ok_or(FileRefusal::WrongSize)?;
                    self.file.write_all(chunk.bytes()).map_err(|error| of_io(&error))?;
                    words.say(&FileNews::Room { chunks: 1 })?;
                }
                FileOrder::Whole if left == 0 => return Ok(()),
                FileOrder::Whole => return Err(FileRefusal::WrongSize),
                _ => return Err(FileRefusal::Stopped),
            }
        }
    }

    /// Gives the part the first name that is free, or finds a file like it.
    fn settle(mut self, wanted: &str) -> Result<String, FileRefusal> {
        let (stem, ending) = stem_and_ending(wanted);
        for number in 1..=MOST_OF_A_NAME {
            let name = match number {
                1 => wanted.to_owned(),
                number => format!("{stem}-{number}{ending}"),
            };
            match rename_to_free(self.folder, &self.name, &name) {
                Ok(()) => {
                    self.there = false;
                    return Ok(name);
                }
                Err(Errno::EEXIST) if self.is_like(&name) => return Ok(name),
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(of_errno(errno)),
            }
        }
        Err(FileRefusal::NameTaken)
    }

    /// A file stands under that name and has the same bytes.
    fn is_like(&mut self, name: &str) -> bool {
        let Ok((mut other, about)) = open_regular(self.folder, Path::new(name)) else {
            return false;
        };
        let own = self.file.metadata().map_or(0, |own| own.len());
        let size = u64::try_from(about.st_size).unwrap_or(u64::MAX);
        size == own && self.file.rewind().is_ok() && same(&mut *self.file, &mut other, own)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.there {
            let _ = unlinkat(self.folder, self.name.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Renames within `folder`, never over anything.
fn rename_to_free(folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    match renameat2(folder, from, folder, to, RenameFlags::RENAME_NOREPLACE) {
        // Not every file system knows the flag; a second name is free or is not, too.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            linkat(folder, from, folder, to, AtFlags::empty())?;
            unlinkat(folder, from, UnlinkatFlags::NoRemoveDir)
        }
        done => done,
    }
}

/// Both have the same next `left` bytes.
fn same(one: &mut impl Read, other: &mut impl Read, mut left: u64) -> bool {
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    while left > 0 {
        let now = left.min(BLOCK as u64) as usize;
        let (Some(a), Some(b)) = (a.get_mut(..now), b.get_mut(..now)) else { return false };
        if one.read_exact(a).is_err() || other.read_exact(b).is_err() || a != b {
            return false;
        }
        left -= now as u64;
    }
    true
}

/// Removes parts that a killed process left behind: nobody holds their lock.
fn clear_leftovers(folder: &OwnedFd) {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut listing) = Dir::openat(folder.as_fd(), ".", flags, Mode::empty()) else { return };
    for entry in listing.iter().flatten().take(MOST_LEFTOVERS) {
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !name.starts_with(PART) {
            continue;
        }
        let Ok((file, _)) = open_regular(folder, Path::new(name)) else { continue };
        if Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok() {
            let _ = unlinkat(folder, name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

#[cfg(test)]
mod tests;
