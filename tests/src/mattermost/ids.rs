//! Mattermost ids: 26 characters of its own base 32 alphabet.
//!
//! Trust: text from a client becomes an [`Id`] only if it has the grammar.

use serde::{Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// The id of a user, team, channel, post, file, token or connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 26]);

impl Id {
    /// A new random id.
    #[must_use]
    pub fn random() -> Self {
        let random: [u8; 26] = rand::random();
        Self(random.map(|byte| ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'y')))
    }

    /// Parses an id; `None` unless it is 26 characters of `a-z0-9`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 26] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).then_some(Self(bytes))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An optional id the way Mattermost writes it: absent is the empty string.
pub(super) fn or_empty(id: Option<Id>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
