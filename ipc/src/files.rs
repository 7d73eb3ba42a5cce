//! Files between a conversation and a workspace: the words for one file on its
//! way, the same on the session socket and between a worker and the process in
//! the agent's sandbox that opens files for it.
//!
//! Trust: a name is text that somebody chose, and becomes a name in a folder only
//! by [`plain_name`]. What a file is said to be counts for nothing beside its bytes.

mod name;

pub use name::{plain_name, stem_and_ending};

use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder};
use crate::text::Text;

/// Below the workspace: what people send, a folder for each thread.
pub const INBOX: &str = "inbox";
/// Below the workspace: what the agent has for the person, a folder for each thread.
pub const OUTBOX: &str = "outbox";
/// Pieces that may be on their way at once for each file.
pub const WINDOW: u16 = 8;
/// Most entries of an outbox that are looked at.
pub const MAX_LISTED: u16 = 32;
/// Largest image that goes to the model, in bytes.
pub const MAX_IMAGE: u64 = 20 * 1024 * 1024;

/// A name of a file in a folder.
pub type FileName = Text<255>;

/// A piece of a file, never empty. Base64 of whole pieces can be joined.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk(Vec<u8>);

impl Chunk {
    /// Most bytes of a piece; a multiple of three.
    pub const MAX: usize = 30 * 1024;

    /// The piece; `None` if it is empty or too large.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many they are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

impl std::fmt::Debug for Chunk {
    // What is in people's files never reaches a log by way of a derived Debug.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.0.len())
    }
}

impl Encode for Chunk {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<Context> Decode<Context> for Chunk {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::new(Vec::decode(decoder)?)
            .ok_or(DecodeError::Other("a piece of no or too many bytes"))
    }
}

crate::codec::borrow_decode!(Chunk);

/// What is to be done about one file. `Store`, `List`, `Read` and `SetAside` begin
/// something, which ends with exactly one `Stored`, `Ended` or `Refused`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FileOrder {
    /// Put a file into the thread's inbox. Its bytes follow, as far as there is room.
    Store {
        /// What it is called.
        name: FileName,
        /// How many bytes will follow.
        size: u64,
    },
    /// The next bytes of the file that is stored.
    Bytes(Chunk),
    /// All its bytes were sent.
    Whole,
    /// Name what is in the thread's outbox, the first so many.
    List {
        /// At most [`MAX_LISTED`].
        most: u16,
    },
    /// Read a file.
    Read {
        /// Below what.
        place: FilePlace,
        /// Which, relative to that; of an inbox or an outbox a bare name.
        path: Text<1024>,
        /// A larger one is refused; in bytes.
        max: u64,
    },
    /// So many more pieces of what is read may be sent.
    Room {
        /// How many.
        chunks: u16,
    },
    /// Move an entry of the outbox to where it is not found again.
    SetAside {
        /// Which.
        name: FileName,
        /// Why.
        fate: Fate,
    },
    /// Never mind.
    Stop,
}

/// Where a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum FilePlace {
    /// The thread's inbox.
    Inbox,
    /// The thread's outbox.
    Outbox,
    /// The workspace.
    Workspace,
}

/// What became of an entry of an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Fate {
    /// The person has it.
    Sent,
    /// The person was told why not.
    NotSent,
}

impl Fate {
    /// The folder in the outbox that holds those.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NotSent => "not-sent",
        }
    }
}

/// What becomes of an order about a file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FileNews {
    /// So many more pieces of what is stored may be sent.
    Room {
        /// How many.
        chunks: u16,
    },
    /// The file is stored, or was there already, byte for byte. Nothing follows.
    Stored {
        /// Its name in the inbox.
        name: FileName,
        /// Where that is.
        path: Text<4096>,
    },
    /// An entry of the outbox that can be read.
    Offered {
        /// Its name.
        name: FileName,
        /// Its size in bytes.
        size: u64,
        /// Another number once it was changed.
        stamp: u64,
    },
    /// An entry of the outbox that cannot.
    Unfit {
        /// Its name.
        name: FileName,
        /// Why.
        why: FileRefusal,
    },
    /// The file to be read is open; exactly so many bytes follow.
    Opened {
        /// Its name.
        name: FileName,
        /// Its size in bytes.
        size: u64,
        /// The image it begins like.
        image: Option<ImageKind>,
    },
    /// The next bytes of the file that is read.
    Bytes(Chunk),
    /// It is done. Nothing follows.
    Ended,
    /// It is not done. Nothing follows.
    Refused(FileRefusal),
}

impl FileNews {
    /// Nothing follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Ended | Self::Refused(_))
    }
}

/// Why something about a file was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub enum FileRefusal {
    /// There is none.
    Missing,
    /// A link stands there, or on the way there.
    Link,
    /// A folder, a pipe, a device: no file.
    NotFile,
    /// The file has several names, of which one may lie anywhere.
    ManyNames,
    /// The name is none that can be passed on.
    BadName,
    /// The account, or the agent's sandbox, may not.
    NotAllowed,
    /// Over the limit.
    TooLarge,
    /// It changed while it was read.
    Changed,
    /// The account's quota is used up.
    Quota,
    /// The disk is full.
    NoSpace,
    /// There are too many of that name.
    NameTaken,
    /// Other than so many bytes came.
    WrongSize,
    /// Too many files at once.
    Busy,
    /// It was given up.
    Stopped,
    /// The step in the sandbox could not be taken; the journal says which.
    Sandbox,
    /// What the system says.
    System(i32),
}

/// An image that models take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ImageKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
}

impl ImageKind {
    /// Bytes at the start of a file that [`ImageKind::of`] looks at.
    pub const MAGIC: usize = 12;

    /// The image that a file begins like, whatever it is called.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if start.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if start.starts_with(b"RIFF") && start.get(8..Self::MAGIC) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }

    /// Its media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_bytes() {
        for (start, kind) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some(ImageKind::Png)),
            (b"\xff\xd8\xff\xe0", Some(ImageKind::Jpeg)),
            (b"GIF89a", Some(ImageKind::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8", Some(ImageKind::Webp)),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"<svg", None),
            (b"", None),
        ] {
            assert_eq!(ImageKind::of(start), kind, "{start:?}");
        }
    }

    #[test]
    fn pieces_are_bounded_and_their_debug_shows_nothing() {
        assert!(Chunk::new(Vec::new()).is_none());
        assert!(Chunk::new(vec![0; Chunk::MAX + 1]).is_none());
        let chunk = Chunk::new(b"secret".to_vec()).unwrap();
        assert_eq!(format!("{chunk:?}"), "Chunk(6 bytes)");
        assert_eq!(Chunk::MAX % 3, 0);
    }
}
