//! Reads files of the configuration folder, with an eye on who else may.
//!
//! Trust: the admin made the files. One with a secret that everybody on the
//! machine can read is refused: the secret is none any more.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let about = opened.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err("is no regular file".to_owned());
    }
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
