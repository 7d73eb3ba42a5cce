//! Opens and reads one file below a folder.
//!
//! Trust: none in what stands there. A link is not followed anywhere on the way, a
//! pipe is not waited for, and what is no plain file with one name is not read.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use gaggle_ipc::Text;
use gaggle_ipc::files::{Chunk, FileNews, FileRefusal, ImageKind};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, SFlag, fstat};

use super::refusal::{of_errno, of_io};
use super::words::Words;

/// Reads `path` below `folder`, if it has at most `max` bytes.
pub(super) fn read(
    folder: &OwnedFd,
    path: &Path,
    max: u64,
    words: &mut Words,
) -> Result<FileNews, FileRefusal> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(FileRefusal::BadName)?;
    let name = Text::new(name).map_err(|_| FileRefusal::BadName)?;
    let (mut file, about) = open_regular(folder, path)?;
    let size = u64::try_from(about.st_size).unwrap_or(u64::MAX);
    if size > max {
        return Err(FileRefusal::TooLarge);
    }
    let mut left = size;
    let mut next = piece(&mut file, left)?;
    let image = next.as_ref().and_then(|chunk| ImageKind::of(chunk.bytes()));
    words.say(&FileNews::Opened { name, size, image })?;
    while let Some(chunk) = next.take() {
        left = left.saturating_sub(chunk.size());
        words.say(&FileNews::Bytes(chunk))?;
        next = piece(&mut file, left)?;
    }
    Ok(FileNews::Ended)
}

/// The next piece of what is left; whole but for the last. A file that became
/// shorter meanwhile is not what was announced.
fn piece(file: &mut File, left: u64) -> Result<Option<Chunk>, FileRefusal> {
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(Chunk::MAX)];
    if bytes.is_empty() {
        return Ok(None);
    }
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Chunk::new(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(FileRefusal::Changed)
        }
        Err(error) => Err(of_io(&error)),
    }
}

/// Opens a plain file that has one name.
pub(super) fn open_regular(folder: &OwnedFd, path: &Path) -> Result<(File, FileStat), FileRefusal> {
    // Relative, and to something: a folder is not a file.
    if !matches!(path.components().next_back(), Some(Component::Normal(_))) {
        return Err(FileRefusal::Missing);
    }
    let how = OpenHow::new()
        // A pipe that nobody writes to is opened at once, and found to be one.
        .flags(
            OFlag::O_RDONLY
                | OFlag::O_NOFOLLOW
                | OFlag::O_NONBLOCK
                | OFlag::O_NOCTTY
                | OFlag::O_CLOEXEC,
        )
        .resolve(
            ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_BENEATH,
        );
    let file = openat2(folder.as_fd(), path, how).map_err(of_errno)?;
    let about = fstat(&file).map_err(of_errno)?;
    if SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(FileRefusal::NotFile);
    }
    if about.st_nlink != 1 {
        return Err(FileRefusal::ManyNames);
    }
    Ok((file.into(), about))
}
