//! Opening what root may believe.
//!
//! Trust: the path is fixed or root's own; the file is believed only after the
//! open descriptor itself and every folder above it were found to be root's
//! and nobody else's to write. Checks are made on descriptors, never on names,
//! so that nothing can be swapped between the check and the read.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

/// Largest file root reads, in bytes.
pub const MAX_SIZE: u64 = 1024 * 1024;

/// Why a file is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Missing,
    SymbolicLink,
    NotRegular,
    NotFolder,
    NotRootOwned(u32),
    Denied,
    Writable(u32),
    Readable(u32),
    HardLinks(u64),
    TooLarge,
    NotText,
    NotAbsolute,
    System(Errno),
}

impl Untrusted {
    /// The file does not exist at all, as opposed to being wrong.
    pub fn is_missing(&self) -> bool {
        self.why == Why::Missing
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match self.why {
            Why::Missing => f.write_str("no such file"),
            Why::SymbolicLink => {
                f.write_str("a symbolic link, or reached through one; use the real path")
            }
            Why::NotRegular => f.write_str("not a regular file"),
            Why::NotFolder => f.write_str("not a folder"),
            Why::NotRootOwned(uid) => write!(f, "owned by uid {uid}; run: chown root"),
            Why::Denied => {
                f.write_str("root may not read it, so it is not root's; run: chown root")
            }
            Why::Writable(mode) => {
                write!(f, "mode {mode:04o} lets others write it; run: chmod go-w")
            }
            Why::Readable(mode) => {
                write!(f, "mode {mode:04o} lets everyone read its secrets; run: chmod 0600")
            }
            Why::HardLinks(links) => write!(f, "has {links} hard links; copy it to a new file"),
            Why::TooLarge => write!(f, "larger than {MAX_SIZE} bytes"),
            Why::NotText => f.write_str("not UTF-8 text"),
            Why::NotAbsolute => f.write_str("not an absolute path without . and .."),
            Why::System(errno) => write!(f, "{}", errno.desc()),
        }
    }
}

/// Who may read a file besides root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Everyone.
    Public,
    /// Nobody outside its group: it may hold keys.
    Secret,
}

/// Reads a whole text file that only root can have written.
///
/// # Errors
/// [`Untrusted`] with the path and what mends it.
pub fn read(path: &Path, secrecy: Secrecy) -> Result<String, Untrusted> {
    let refuse = |why| Untrusted { path: path.to_owned(), why };
    let (fd, stat) = open_regular(path)?;
    if secrecy == Secrecy::Secret && stat.st_mode & 0o004 != 0 {
        return Err(refuse(Why::Readable(stat.st_mode & 0o7777)));
    }
    let mut text = Vec::new();
    // One bounded read: a file that grows meanwhile is cut off and refused.
    let read = File::from(fd).take(MAX_SIZE + 1).read_to_end(&mut text);
    match read {
        Err(error) => {
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            Err(refuse(Why::System(errno)))
        }
        Ok(_) if text.len() as u64 > MAX_SIZE => Err(refuse(Why::TooLarge)),
        Ok(_) => String::from_utf8(text).map_err(|_| refuse(Why::NotText)),
    }
}

/// Checks a program that root will start: regular, root's, and so is every
/// folder above it.
///
/// # Errors
/// [`Untrusted`] with the path and what mends it.
pub fn check_program(path: &Path) -> Result<(), Untrusted> {
    open_regular(path).map(drop)
}

/// What identifies a file well enough to notice an edit, and a change of its
/// owner or mode too; `None` if there is no such file.
pub fn fingerprint(path: &Path) -> Option<(u64, i64, i64, i64)> {
    let stat = nix::sys::stat::lstat(path).ok()?;
    Some((stat.st_ino, stat.st_ctime, stat.st_ctime_nsec, stat.st_size))
}

/// Something of that name is there, whatever it is, or it cannot be told.
pub fn exists(path: &Path) -> bool {
    nix::sys::stat::lstat(path).err() != Some(Errno::ENOENT)
}

fn open_regular(path: &Path) -> Result<(OwnedFd, FileStat), Untrusted> {
    let refuse = |why| Untrusted { path: path.to_owned(), why };
    let folder = path.parent().ok_or_else(|| refuse(Why::NotRegular))?;
    let name = path.file_name().ok_or_else(|| refuse(Why::NotRegular))?;
    let folder = open_folder(folder)?;
    // Non-blocking: a FIFO planted here must not hang root.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = step_into(&folder, Path::new(name), flags).map_err(|errno| refuse(reason(errno)))?;
    let stat = fstat(&fd).map_err(|errno| refuse(Why::System(errno)))?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(refuse(Why::NotRegular));
    }
    if let Some(why) = not_roots_own(&stat) {
        return Err(refuse(why));
    }
    if stat.st_nlink != 1 {
        return Err(refuse(Why::HardLinks(stat.st_nlink)));
    }
    Ok((fd, stat))
}

/// Opens a folder from `/` down, each step checked before the next is taken.
///
/// # Errors
/// [`Untrusted`] that names the first folder that is not root's own.
pub fn open_folder(path: &Path) -> Result<OwnedFd, Untrusted> {
    let mut walked = PathBuf::from("/");
    let refuse = |path: &Path, why| Untrusted { path: path.to_owned(), why };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut here =
        open("/", flags, Mode::empty()).map_err(|errno| refuse(&walked, Why::System(errno)))?;
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => {
                walked.push(name);
                here = step_into(&here, Path::new(name), flags)
                    .map_err(|errno| refuse(&walked, reason(errno)))?;
            }
            _ => return Err(refuse(path, Why::NotAbsolute)),
        }
        let stat = fstat(&here).map_err(|errno| refuse(&walked, Why::System(errno)))?;
        // A sticky folder like /tmp is anybody's to add to, so not believed either.
        if let Some(why) = not_roots_own(&stat) {
            return Err(refuse(&walked, why));
        }
    }
    Ok(here)
}

fn step_into(folder: &OwnedFd, name: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(folder, name, how)
}

fn not_roots_own(stat: &FileStat) -> Option<Why> {
    if stat.st_uid != 0 {
        return Some(Why::NotRootOwned(stat.st_uid));
    }
    (stat.st_mode & 0o022 != 0).then_some(Why::Writable(stat.st_mode & 0o7777))
}

fn reason(errno: Errno) -> Why {
    match errno {
        Errno::ENOENT => Why::Missing,
        Errno::ELOOP => Why::SymbolicLink,
        Errno::ENOTDIR => Why::NotFolder,
        // Root overrides no modes here.
        Errno::EACCES => Why::Denied,
        // Opening a socket, or a FIFO nobody reads.
        Errno::ENXIO => Why::NotRegular,
        other => Why::System(other),
    }
}
