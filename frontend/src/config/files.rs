//! `[files]`: what people may send, and what agents may send back.

use gaggle_ipc::files::MAX_IMAGE;

use super::keys::{self, Key};
use super::problems::Findings;
use super::raw::Raw;
use super::settings::{Settings, read};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Most files that Mattermost attaches to one post.
const MOST: u32 = 10;

/// The rules for files. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRules {
    /// What people attach is brought to their agents.
    pub receive: bool,
    /// What agents put into their outbox is sent, and `!get` works.
    pub send: bool,
    /// Most files of one post, in either direction.
    pub max_count: usize,
    /// Largest file.
    pub max_size: u64,
    /// All files of one post together.
    pub max_total: u64,
    /// A text file up to this size stands in the prompt; 0 = none does.
    pub inline_text: u64,
    /// An image up to this size goes to the model.
    pub max_image: u64,
    /// Images go to the model.
    pub vision: bool,
}

/// Reads the section, and `vision` beside it.
pub(super) fn read_rules(s: &Settings, f: &mut Findings) -> FileRules {
    let mut number = |key: Key, default: u32, least: u32, most: u32| {
        read(s.key(key), default, f, |raw| raw.count(least, most))
    };
    let image_limit = u32::try_from(MAX_IMAGE / MIB).unwrap_or(u32::MAX);
    let max_count = number(keys::FILES_MAX_COUNT, MOST, 1, MOST);
    let max_size = number(keys::FILES_MAX_SIZE, 50, 1, 4096);
    let max_total = number(keys::FILES_MAX_TOTAL, 100, 1, 16384);
    let inline_text = number(keys::FILES_INLINE_TEXT, 16, 0, 64);
    let max_image = number(keys::FILES_MAX_IMAGE, 4, 1, image_limit);
    FileRules {
        receive: read(s.key(keys::FILES_RECEIVE), true, f, Raw::bool),
        send: read(s.key(keys::FILES_SEND), true, f, Raw::bool),
        max_count: usize::try_from(max_count).unwrap_or(usize::MAX),
        max_size: u64::from(max_size) * MIB,
        max_total: u64::from(max_total) * MIB,
        inline_text: u64::from(inline_text) * KIB,
        max_image: u64::from(max_image) * MIB,
        vision: read(s.key(keys::VISION), true, f, Raw::bool),
    }
}
