//! The people of a lab: an account in Mattermost, and one on the machine.
//!
//! Trust: none is needed; everything is made up.

use std::sync::atomic::{AtomicU32, Ordering};

use super::spec::{Account, Home};
use crate::mattermost;

/// Labs that this process has made.
static LABS: AtomicU32 = AtomicU32::new(0);
/// First uid of any lab, and how many each takes.
const FIRST_UID: u32 = 20_000;
const UIDS: u32 = 20;
/// So many labs can run at once without sharing a uid.
const BLOCKS: u32 = 2000;

/// In an [`Account`]: keep the uid that the person's account has anyway.
pub(super) const KEEP_UID: u32 = u32::MAX;

/// One person.
#[derive(Clone)]
pub struct Person {
    /// Name in Mattermost and on the machine.
    pub name: String,
    /// Their uid and gid.
    pub uid: u32,
    /// Who they are in Mattermost.
    pub mattermost: mattermost::Account,
    /// Their direct channel with the bot.
    pub direct: mattermost::Id,
}

/// The first uid for a new lab: labs run at the same time, and what one does to
/// the processes of its alice must not reach another's.
pub(super) fn first_uid() -> u32 {
    let block = std::process::id().wrapping_mul(7) + LABS.fetch_add(1, Ordering::Relaxed);
    FIRST_UID + block % BLOCKS * UIDS
}

/// An ordinary account.
pub(super) fn account(name: &str, uid: u32) -> Account {
    Account { name: name.to_owned(), uid, expires: None, home: Home::Proper }
}
