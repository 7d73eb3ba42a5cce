//! What Goose is told of the files that came with a message.
//!
//! Trust: a text that stands in a file is quoted in a fence that it cannot close, and
//! said to be a file's. What it then does to a model nobody can know: the agent can do
//! no more than before.

use crate::words::files::size;

/// All text of files in one prompt together, in bytes.
pub(super) const MOST_TEXT: u64 = 64 * 1024;
/// What all about files in a prompt may take, in bytes.
pub(in super::super) const ROOM: usize = 96 * 1024;
/// A text with a longer fence in it is not quoted.
const MOST_FENCE: usize = 64;

/// Stands for the text of a message that has none.
const NO_TEXT: &str = "(The message has no text. See the attached files.)";

/// A file that is in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// Where, below the workspace: an image whose whole path stands in a text Goose loads
    /// by itself, once more or although it should not.
    pub(super) path: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// What is done with it beside that.
    pub(super) shown: Shown,
}

/// How the model gets to see a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// By opening it.
    Path,
    /// As an image of the prompt.
    Image,
    /// As text in the prompt.
    Text(String),
}

/// What follows the `text` of a message in its prompt: the files. Names of those that
/// were `refused` are told too, so that nobody waits for them. At most [`ROOM`] bytes.
pub(super) fn about_files(text: &str, taken: &[Taken], refused: &[String]) -> String {
    let mut prompt = if text.is_empty() { NO_TEXT } else { "" }.to_owned();
    prompt.push_str("\n\n[Files that came with this message, below your working folder]");
    for file in taken {
        let seen = match file.shown {
            Shown::Path => "",
            Shown::Image => ", an image that you see here",
            Shown::Text(_) => ", quoted below",
        };
        prompt.push_str(&format!("\n- \"{}\" ({}{seen})", file.path, size(file.size)));
    }
    for name in refused {
        prompt.push_str(&format!("\n- {name}: did not arrive, and the person was told why"));
    }
    for file in taken {
        if let Shown::Text(content) = &file.shown {
            let fence = fence(content);
            let end = if content.ends_with('\n') { "" } else { "\n" };
            prompt.push_str(&format!(
                "\n\nContent of \"{}\", quoted from the file:\n{fence}\n{content}{end}{fence}",
                file.path
            ));
        }
    }
    prompt
}

/// A fence that does not stand in `content`.
fn fence(content: &str) -> String {
    "~".repeat(longest_fence(content).max(3) + 1)
}

fn longest_fence(content: &str) -> usize {
    content.split(|c| c != '~').map(str::len).max().unwrap_or(0)
}

/// The text of a file, if it is nothing else.
pub(super) fn as_text(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let quotable = longest_fence(text) < MOST_FENCE;
    (!text.trim().is_empty() && text.chars().all(plain) && quotable).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(shown: Shown) -> Taken {
        Taken { path: "inbox/t/a.txt".to_owned(), size: 2048, shown }
    }

    #[test]
    fn a_message_without_text_says_so() {
        let prompt = about_files("", &[taken(Shown::Image)], &["b.iso".to_owned()]);
        assert!(prompt.starts_with(NO_TEXT), "{prompt}");
        assert!(prompt.contains("\n- \"inbox/t/a.txt\" (2 KiB, an image that you see here)\n"));
        assert!(prompt.contains("\n- b.iso: did not arrive"));
    }

    #[test]
    fn a_quoted_file_cannot_end_its_own_quotation() {
        let content = "a\n~~~~\n~~~~~~~\nb";
        let prompt = about_files("x", &[taken(Shown::Text(content.to_owned()))], &[]);
        let fence = "~".repeat(8);
        assert!(prompt.ends_with(&format!("\n{fence}\n{content}\n{fence}")), "{prompt}");
    }

    #[test]
    fn only_text_is_text() {
        assert_eq!(as_text("Grüße\n".as_bytes()), Some("Grüße\n".to_owned()));
        let fence = "~".repeat(MOST_FENCE);
        for other in [&b""[..], fence.as_bytes(), b" \n", b"a\0b", b"\xff\xfe", b"\x1b[2J"] {
            assert_eq!(as_text(other), None, "{other:?}");
        }
    }
}
