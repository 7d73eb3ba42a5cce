//! Ids, parsed once at the edge.
//!
//! Trust: constructors refuse everything outside the grammar, so a value that
//! exists can be logged, compared and put in a file name as it is.

use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder};

/// Text that is not the id it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId {
    expected: &'static str,
}

impl std::fmt::Display for InvalidId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not {}", self.expected)
    }
}

impl std::error::Error for InvalidId {}

/// Whether `text` has the form of a person's name in Mattermost: 1 to 64 characters
/// of `a-z0-9._-`, which is the server's own limit. An id has that form, too.
#[must_use]
pub fn is_username(text: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// A Mattermost id: 26 characters of `a-z` and `0-9`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MattermostId([u8; 26]);

impl MattermostId {
    /// Parses an id.
    ///
    /// # Errors
    /// [`InvalidId`] unless `text` is exactly 26 characters of `a-z0-9`.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        text.as_bytes()
            .try_into()
            .ok()
            .and_then(Self::from_bytes)
            .ok_or(InvalidId { expected: "a Mattermost id (26 characters of a-z and 0-9)" })
    }

    fn from_bytes(bytes: [u8; 26]) -> Option<Self> {
        bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).then_some(Self(bytes))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII letters and digits get past the constructor.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Encode for MattermostId {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<Context> Decode<Context> for MattermostId {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::from_bytes(<[u8; 26]>::decode(decoder)?)
            .ok_or(DecodeError::Other("not a Mattermost id"))
    }
}

crate::codec::borrow_decode!(MattermostId);

/// Gives a newtype over [`MattermostId`] a meaning of its own.
macro_rules! mattermost_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
        pub struct $name(MattermostId);

        impl $name {
            /// Parses the 26-character id.
            ///
            /// # Errors
            /// [`InvalidId`] unless `text` is exactly 26 characters of `a-z0-9`.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                MattermostId::new(text).map(Self)
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        // A post's author and its thread are Mattermost ids already.
        impl From<MattermostId> for $name {
            fn from(id: MattermostId) -> Self {
                Self(id)
            }
        }

        impl From<$name> for MattermostId {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        display_as_str!($name);
    };
}

macro_rules! display_as_str {
    ($name:ident) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }
    };
}

display_as_str!(MattermostId);

mattermost_id! {
    /// The immutable id of a person in Mattermost. The only thing the frontend
    /// can name toward root.
    MattermostUserId
}

mattermost_id! {
    /// A conversation: the id of its root post. Together with the person, whose
    /// worker the frame arrives at, it is the key of a Goose session.
    ThreadId
}

/// Text of a fixed grammar and length, refused by constructor and decoder alike.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $max:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Parses ", $expected, ".")]
            ///
            /// # Errors
            /// [`InvalidId`] for everything else.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(usize, u8) -> bool = $valid;
                let good = !text.is_empty()
                    && text.len() <= $max
                    && text.bytes().enumerate().all(|(at, byte)| valid(at, byte));
                if good { Ok(Self(text.to_owned())) } else { Err(InvalidId { expected: $expected }) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        display_as_str!($name);

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.0.encode(encoder)
            }
        }

        impl<Context> Decode<Context> for $name {
            fn decode<D: Decoder<Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, DecodeError> {
                Self::new(&String::decode(decoder)?).map_err(|_| DecodeError::Other($expected))
            }
        }

        crate::codec::borrow_decode!($name);
    };
}

word! {
    /// The name of a Linux account as Gaggle accepts it. Resolved by root only;
    /// it travels from root to be shown, never toward root.
    AccountName, 32,
    "an account name (a-z or _ first, then a-z, 0-9, _ or -, at most 32 characters)",
    |at, byte| byte.is_ascii_lowercase() || byte == b'_'
        || (at > 0 && (byte.is_ascii_digit() || byte == b'-'))
}

word! {
    /// Goose's own name for a conversation. Guessable, equal across people and
    /// reused: a label inside one person's worker, never a key or a secret.
    GooseSession, 64,
    "a Goose session id (letters, digits, _ or -, at most 64 characters)",
    |_, byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

word! {
    /// A model as its provider calls it, like `gpt-4o` or `org/model:tag`. Whether
    /// there is one of that name only the provider knows.
    ModelName, 128,
    "a model's name (printable ASCII without blanks, at most 128 characters)",
    |_, byte| byte.is_ascii_graphic()
}

/// A worker in the supervisor's table. Counted up from 1 and never used again
/// while the supervisor lives, so a late `Stop` cannot hit a newer worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
pub struct WorkerId(pub u64);

/// One prompt and its answer. Chosen by the frontend, unique within a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
pub struct TurnId(pub u64);

impl std::fmt::Display for WorkerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "w{}", self.0)
    }
}

impl std::fmt::Display for TurnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mattermost_id_takes_exactly_26_lower_case_characters_and_digits() {
        let good = "zo3yx6gsxbf8ppuaojzhiaj1yw";
        assert_eq!(MattermostUserId::new(good).unwrap().as_str(), good);
        for bad in [
            "",
            "zo3yx6gsxbf8ppuaojzhiaj1y",
            "zo3yx6gsxbf8ppuaojzhiaj1yww",
            "Zo3yx6gsxbf8ppuaojzhiaj1yw",
            "zo3yx6gsxbf8ppuaojzhiaj1y\n",
            "zo3yx6gsxbf8ppuaojzhiaj1é",
            "../../../../../etc/shadow.",
        ] {
            assert!(MattermostUserId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn account_name_refuses_what_a_shell_or_a_path_could_misread() {
        for good in ["alice", "_svc", "a-b_c9"] {
            assert!(AccountName::new(good).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "0",
            "9bob",
            "-rf",
            "Alice",
            "a.b",
            "a/b",
            "a b",
            "alice$",
            "аlice",
            "a\n",
            &"a".repeat(33),
        ] {
            assert!(AccountName::new(bad).is_err(), "{bad:?}");
        }
    }
}
