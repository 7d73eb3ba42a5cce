//! Files in the terminal: read to be attached, and shown as far as they are text.
//!
//! Trust: what is attached the person at the terminal names; what comes is anybody's,
//! and is shown without what would drive a terminal.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gaggle_tests::mattermost::{Id, Post, Simulator};

/// Largest file that is attached, in bytes: the simulator keeps them in memory.
const LARGEST: u64 = 100 * 1024 * 1024;
/// Most lines of a file that are shown, and the longest file of which any are.
const LINES: usize = 20;
const SHOWN: usize = 64 * 1024;

/// A file to be sent.
pub(crate) struct Attached {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    /// What is said with it.
    pub(crate) text: String,
}

/// Reads `FILE [TEXT]`; a name with blanks stands in quotes.
pub(crate) fn read(what: &str) -> Result<Attached> {
    let what = what.trim();
    let (path, text) = match what.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((path, text)) => (path, text),
        None => what.split_once(' ').unwrap_or((what, "")),
    };
    ensure!(!path.is_empty(), "which file? /attach FILE [TEXT]");
    let path = Path::new(path);
    let about = path.metadata().with_context(|| path.display().to_string())?;
    ensure!(about.is_file(), "{} is no file", path.display());
    ensure!(about.len() <= LARGEST, "{} is larger than 100 MiB", path.display());
    let content = std::fs::read(path).with_context(|| path.display().to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Attached { name, content, text: text.trim().to_owned() })
}

/// The files that stand on the terminal already.
#[derive(Default)]
pub(crate) struct Shown(HashSet<Id>);

impl Shown {
    /// The others of these posts.
    pub(crate) fn new_in(
        &mut self,
        simulator: &Simulator,
        posts: &[Post],
    ) -> Vec<(String, Vec<u8>)> {
        let files = posts.iter().flat_map(|post| &post.file_ids);
        files.filter(|id| self.0.insert(**id)).filter_map(|id| simulator.file(*id)).collect()
    }
}

/// A file's name and size, and its first lines if it is a short text.
pub(crate) fn described(name: &str, content: &[u8]) -> String {
    let head = format!("{}: {} bytes", plain(name), content.len());
    let text = std::str::from_utf8(content).ok().filter(|_| content.len() <= SHOWN);
    let Some(text) = text.filter(|text| !text.contains('\0')) else { return head };
    let lines: Vec<_> =
        text.lines().take(LINES).map(|line| format!("\n  {}", plain(line))).collect();
    head + &lines.concat()
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect()
}
