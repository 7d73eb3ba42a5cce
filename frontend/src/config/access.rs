//! Reads files of the configuration folder, with an eye on who else may.
//!
//! Trust: the admin made the files. One with a secret that everybody on the
//! machine can read is refused: the secret is none any more.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// Largest file taken.
const MAX: u64 = 1024 * 1024;
const OTHERS: u32 = 0o007;

/// A file's text, and what it says about who may touch it.
pub(super) struct Content {
    pub(super) text: String,
    /// Everybody may read or write it.
    pub(super) open_to_others: bool,
}

/// Reads `file`; `None` if it is not there.
pub(super) fn read(file: &Path) -> Result<Option<Content>, String> {
    // A FIFO that nobody writes must not keep the service waiting.
    let opened = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(file);
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let about = opened.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err("is no regular file".to_owned());
    }
    refuse_strangers(&about)?;
    let mut text = String::new();
    opened.take(MAX + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
        _ => failed(error),
    })?;
    if text.len() as u64 > MAX {
        return Err(format!("is over {MAX} bytes"));
    }
    Ok(Some(Content { text, open_to_others: about.mode() & OTHERS != 0 }))
}

/// Whoever may write the settings may send the token where they like.
fn refuse_strangers(about: &Metadata) -> Result<(), String> {
    let (owner, mode) = (about.uid(), about.mode() & 0o7777);
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(format!("belongs to uid {owner}; run: chown root"));
    }
    let group = mode & 0o020 != 0 && about.gid() != 0;
    if mode & 0o002 != 0 || group {
        return Err(format!("mode {mode:04o} lets others write it; run: chmod go-w"));
    }
    Ok(())
}
