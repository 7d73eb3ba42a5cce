//! The frame: one version byte, then one `bincode` value, nothing after it.
//!
//! Trust: the bytes are the peer's. A frame is at most [`MAX_FRAME`] bytes,
//! nothing is allocated beyond that whatever lengths the bytes claim, and
//! trailing bytes are an error. This is the only module that may name
//! `bincode` (unmaintained, feature-complete; `docs/protocol.md` has the fence).

pub use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
pub use bincode::enc::Encoder;
pub use bincode::error::{DecodeError, EncodeError};
pub use bincode::{Decode, Encode};

/// First byte of every frame. Raised with every change of any message: all
/// processes are of one release, so a difference means a half-done upgrade.
pub const VERSION: u8 = 1;

/// Largest frame on any socket, version byte included, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// Largest frame root accepts from the frontend or the admin, in bytes.
pub const MAX_REQUEST: usize = 512;

/// Why a frame was refused. Carries nothing of the frame's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// No bytes at all.
    Empty,
    /// The peer is of another release: its version byte.
    Version(u8),
    /// Longer than the reader's limit.
    TooLong,
    /// Cut short, unknown variant, bad text, a length that lies.
    Malformed,
    /// A whole value, and then more bytes.
    Trailing,
    /// A value that this side wanted to send does not fit a frame.
    Unencodable,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("empty frame"),
            Self::Version(theirs) => write!(
                f,
                "protocol version {theirs} where {VERSION} is spoken here; restart both Gaggle services"
            ),
            Self::TooLong => f.write_str("frame over the size limit"),
            Self::Malformed => f.write_str("malformed frame"),
            Self::Trailing => f.write_str("bytes after the end of the message"),
            Self::Unencodable => f.write_str("message does not fit a frame"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Lets a type with a `Decode` of its own stand in types that derive theirs.
macro_rules! borrow_decode {
    ($type:ty $(, const $name:ident: $kind:ty)?) => {
        impl<'de, Context $(, const $name: $kind)?> $crate::codec::BorrowDecode<'de, Context>
            for $type
        {
            fn borrow_decode<D: $crate::codec::BorrowDecoder<'de, Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, $crate::codec::DecodeError> {
                $crate::codec::Decode::decode(decoder)
            }
        }
    };
}
pub(crate) use borrow_decode;

fn config() -> impl bincode::config::Config {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<MAX_FRAME>()
}

/// Encodes `message` as one frame.
///
/// # Errors
/// [`FrameError::Unencodable`] if it would be longer than [`MAX_FRAME`].
pub fn encode<M: Encode>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![VERSION];
    bincode::encode_into_std_write(message, &mut frame, config())
        .map_err(|_| FrameError::Unencodable)?;
    if frame.len() > MAX_FRAME {
        return Err(FrameError::Unencodable);
    }
    Ok(frame)
}

/// Decodes exactly one message of at most `limit` bytes, version byte included.
///
/// # Errors
/// Every [`FrameError`] but `Unencodable`.
pub fn decode<M: Decode<()>>(frame: &[u8], limit: usize) -> Result<M, FrameError> {
    if frame.len() > limit.min(MAX_FRAME) {
        return Err(FrameError::TooLong);
    }
    let (version, body) = frame.split_first().ok_or(FrameError::Empty)?;
    if *version != VERSION {
        return Err(FrameError::Version(*version));
    }
    let (message, used) =
        bincode::decode_from_slice(body, config()).map_err(|_| FrameError::Malformed)?;
    if used != body.len() {
        return Err(FrameError::Trailing);
    }
    Ok(message)
}
