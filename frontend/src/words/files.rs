//! What people are told of files: one sentence for each that did not pass.
//!
//! Trust: a name is whatever somebody chose, and is shown as code, made plain.

use gaggle_ipc::files::{FileRefusal, plain_name};

use crate::markdown::code_span;
use crate::mattermost::{DownloadError, Error};

const MIB: u64 = 1024 * 1024;

/// Why a file did not pass, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTrouble {
    /// The workspace.
    Refused(FileRefusal),
    /// Over this many bytes.
    TooLarge(u64),
    /// Beyond so many files.
    TooMany(usize),
    /// With the others over this many bytes.
    TooMuch(u64),
    /// The admin switched it off.
    Off,
    /// Mattermost no longer has it.
    Gone,
    /// The bot may not.
    Forbidden,
    /// Its bytes are not as many as Mattermost says.
    WrongSize,
    /// It comes too slowly.
    Slow,
    /// Mattermost failed.
    Unavailable,
    /// What Mattermost answered is not what was asked for: it lies elsewhere, perhaps.
    Strange,
    /// Over what Mattermost takes.
    ServerLimit,
    /// Mattermost did not attach it.
    NotAttached,
    /// Images are switched off: it is a file alone.
    NoVision,
    /// Over this many bytes, so the model does not see it: it is a file alone.
    LargeImage(u64),
}

impl From<Error> for FileTrouble {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::Gone,
            Error::Forbidden { .. } => Self::Forbidden,
            Error::Rejected { status: 413, .. } => Self::ServerLimit,
            Error::Malformed { .. } => Self::Strange,
            _ => Self::Unavailable,
        }
    }
}

impl From<DownloadError> for FileTrouble {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Mattermost(error) => error.into(),
            DownloadError::WrongSize => Self::WrongSize,
            DownloadError::Slow => Self::Slow,
        }
    }
}

/// A file that somebody attached and that the agent does not have, or not as an image.
#[must_use]
pub fn not_taken(name: &str, why: FileTrouble) -> String {
    let name = shown(name);
    match why {
        FileTrouble::NoVision => {
            format!(
                "📎 {name} is there as a file; your admin has switched images for the model off."
            )
        }
        FileTrouble::LargeImage(limit) => {
            format!(
                "📎 {name} is there as a file; it is over {} and too large for the model to see.",
                size(limit)
            )
        }
        FileTrouble::Refused(FileRefusal::Link) => format!(
            "⚠️ {name} was not taken: a link or somebody else's folder stands in the way, `inbox` in your workspace or above it."
        ),
        why => format!("⚠️ {name} was not taken: {}.", because(why)),
    }
}

/// A file of the agent's, or one that somebody asked for, that was not sent.
#[must_use]
pub fn not_sent(name: &str, why: FileTrouble) -> String {
    format!("⚠️ {} was not sent: {}.", shown(name), because(why))
}

/// A name as it can be shown.
#[must_use]
pub fn shown(name: &str) -> String {
    code_span(&plain_name(name))
}

/// A size for people.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..MIB => format!("{} KiB", bytes.div_ceil(1024)),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

fn because(why: FileTrouble) -> String {
    let fixed = match why {
        FileTrouble::Refused(refusal) => return of_workspace(refusal),
        FileTrouble::TooLarge(limit) => return format!("it is larger than {}", size(limit)),
        FileTrouble::TooMany(most) => return format!("at most {most} files go at a time"),
        FileTrouble::TooMuch(limit) => {
            return format!("with the others it is more than {}", size(limit));
        }
        FileTrouble::Off => "your admin has switched that off",
        FileTrouble::Gone => "it was deleted",
        FileTrouble::Forbidden => "I may not do that in this channel",
        FileTrouble::WrongSize => "what came was not as long as Mattermost says",
        FileTrouble::Slow => "it came too slowly. Please try again",
        FileTrouble::Unavailable => "Mattermost did not let it through. Please try again",
        FileTrouble::Strange => "Mattermost's answer was not understood",
        FileTrouble::ServerLimit => "it is larger than Mattermost takes",
        FileTrouble::NotAttached => "Mattermost did not attach it",
        FileTrouble::NoVision | FileTrouble::LargeImage(_) => "it is a file alone",
    };
    fixed.to_owned()
}

fn of_workspace(refusal: FileRefusal) -> String {
    let fixed = match refusal {
        FileRefusal::Missing => "there is no such file",
        FileRefusal::Link => "it is a link, or lies behind one or outside of the workspace",
        FileRefusal::NotFile => "it is no file; put files there one by one, or an archive of them",
        FileRefusal::ManyNames => "it has a second name (a hard link); a copy can be sent",
        FileRefusal::BadName => "its name cannot be used",
        FileRefusal::NotAllowed => "your account may not do that there",
        FileRefusal::TooLarge => "it is too large",
        FileRefusal::Changed => "it changed while it was read. Please try again",
        FileRefusal::Quota => "your account's disk quota is used up",
        FileRefusal::NoSpace => "there is no space left on the disk",
        FileRefusal::NameTaken => "there are too many files of that name",
        FileRefusal::WrongSize => "it broke off half-way",
        FileRefusal::Busy => "too many files are on their way. Please try again in a while",
        FileRefusal::Stopped => "it was stopped",
        FileRefusal::Sandbox => {
            "the sandbox for it could not be built. Your admin finds the cause in the journal"
        }
        FileRefusal::System(number) => return format!("the system refused it (error {number})"),
    };
    fixed.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_shown_plain() {
        let sentence = not_taken("../`@all`\u{202e}gpj.exe", FileTrouble::Gone);
        assert!(!sentence.contains(['\u{202e}', '/']), "{sentence}");
        assert!(crate::mentions::find(&sentence, "all").is_empty(), "{sentence}");
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1024, "1 KiB"),
            (1025, "2 KiB"),
            (50 * MIB, "50 MiB"),
            (MIB + MIB / 2, "1.5 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn the_servers_limit_is_told_from_other_refusals() {
        let rejected =
            |status| Error::Rejected { id: String::new(), status, request_id: String::new() };
        assert_eq!(FileTrouble::from(rejected(413)), FileTrouble::ServerLimit);
        assert_eq!(FileTrouble::from(rejected(400)), FileTrouble::Unavailable);
    }
}
