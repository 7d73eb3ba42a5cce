//! What the admin tells an agent, in front of everything else.
//!
//! Trust: the admin's words as they are. They are told when the agent does not
//! have them: before its first message, after its session was lost, and once
//! they are others.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructed {
    /// To be put in front; may be empty.
    pub text: String,
    /// The fingerprint of what the agent goes by then; `None` for nothing.
    pub by: Option<i64>,
}

/// What an agent that goes by `known` is told so that it goes by `parts`.
#[must_use]
pub fn instruct(parts: &[&str], known: Option<i64>) -> Instructed {
    let by = fingerprint(parts);
    let text = match (by, known) {
        (by, known) if by == known => String::new(),
        (None, _) => {
            "[The instructions of the administrator that you were given before count no more.]\n\n"
                .to_owned()
        }
        (Some(_), known) => {
            let new = "These are the administrator's instructions for this conversation.";
            let changed = "The administrator's instructions have changed. From now on these count, and the earlier ones no more.";
            let begin = if known.is_none() { new } else { changed };
            format!(
                "[{begin}]\n{}\n[End of the administrator's instructions.]\n\n",
                parts.join("\n\n")
            )
        }
    };
    Instructed { text, by }
}

/// Equal for equal texts. Another build may make another one: then they are told
/// once more.
fn fingerprint(parts: &[&str]) -> Option<i64> {
    if parts.is_empty() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    Some(i64::from_ne_bytes(hasher.finish().to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_has_is_not_told_again_and_what_changed_is() {
        let first = instruct(&["be brief", "in German"], None);
        assert_eq!(
            first.text,
            "[These are the administrator's instructions for this conversation.]\nbe brief\n\nin German\n[End of the administrator's instructions.]\n\n"
        );
        let again = instruct(&["be brief", "in German"], first.by);
        assert_eq!((again.text.as_str(), again.by), ("", first.by));
        let changed = instruct(&["be brief"], first.by);
        assert!(changed.text.starts_with("[The administrator's instructions have changed."));
        let none = instruct(&[], changed.by);
        assert!(none.text.contains("count no more") && none.by.is_none());
        assert_eq!(instruct(&[], None).text, "");
    }
}
