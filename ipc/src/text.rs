//! Text with a limit in its type.
//!
//! Trust: a [`Text`] is UTF-8, at most `MAX` bytes and free of NUL, whoever
//! sent it. Nothing else is promised: control characters and mentions are for
//! the one who shows it to defuse.

use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder};

/// UTF-8 text of at most `MAX` bytes without NUL.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text<const MAX: usize>(String);

/// Text was refused: over the limit or with a NUL in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("text is over its limit or contains NUL")
    }
}

impl std::error::Error for TooLong {}

impl<const MAX: usize> Text<MAX> {
    /// The limit in bytes.
    pub const MAX: usize = MAX;

    /// Takes `text` as it is.
    ///
    /// # Errors
    /// [`TooLong`] if it is over `MAX` bytes or has a NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, TooLong> {
        let text = text.into();
        if text.len() > MAX || text.contains('\0') { Err(TooLong) } else { Ok(Self(text)) }
    }

    /// Takes what fits: NULs are dropped, and a text over the limit is cut at a
    /// character's end and closed with `…`. For display, never for ids.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let mut kept: String = text.chars().filter(|c| *c != '\0').collect();
        if kept.len() > MAX {
            let mut end = MAX.saturating_sub('…'.len_utf8());
            while !kept.is_char_boundary(end) {
                end -= 1;
            }
            kept.truncate(end);
            if end + '…'.len_utf8() <= MAX {
                kept.push('…');
            }
        }
        Self(kept)
    }

    /// Splits `text` (NULs dropped) into pieces that each fit, none of them empty.
    #[must_use]
    pub fn pieces(text: &str) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        for c in text.chars().filter(|c| *c != '\0') {
            if piece.len() + c.len_utf8() > MAX {
                pieces.push(Self(std::mem::take(&mut piece)));
            }
            piece.push(c);
        }
        if !piece.is_empty() {
            pieces.push(Self(piece));
        }
        pieces
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> std::fmt::Debug for Text<MAX> {
    // Message text never reaches a log by way of a derived Debug.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> std::fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<Context, const MAX: usize> Decode<Context> for Text<MAX> {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::new(String::decode(decoder)?).map_err(|_| DecodeError::Other("text over its limit"))
    }
}

crate::codec::borrow_decode!(Text<MAX>, const MAX: usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossy_cuts_at_a_character_and_marks_it() {
        assert_eq!(Text::<8>::lossy("äöüäöü").as_str(), "äö…");
        assert_eq!(Text::<8>::lossy("a\0b").as_str(), "ab");
        assert_eq!(Text::<2>::lossy("abc").as_str(), "");
    }

    #[test]
    fn pieces_keep_everything_in_order() {
        let text = "äb".repeat(50);
        let pieces = Text::<7>::pieces(&text);
        assert!(pieces.iter().all(|p| !p.as_str().is_empty() && p.as_str().len() <= 7));
        assert_eq!(pieces.iter().map(Text::as_str).collect::<String>(), text);
        assert!(Text::<7>::pieces("").is_empty());
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Text::<20>::lossy("my secret")), "Text(9 bytes)");
    }
}
