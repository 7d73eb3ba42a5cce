//! What is wrong with the configuration, collected so that it is told at once.
//!
//! Trust: sentences name places and settings. The values of secrets are never
//! in them.

use std::path::Path;

/// What is wrong with the configuration, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", problems.join("\n"))]
pub struct ConfigError {
    /// One sentence each, with file, line and what to write instead.
    pub problems: Vec<String>,
}

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn line(file: &Path, line: usize) -> Self {
        Self(format!("{} line {line}", file.display()))
    }

    pub(super) fn file(file: &Path) -> Self {
        Self(file.display().to_string())
    }

    pub(super) fn handed_over() -> Self {
        Self("the token on standard input".to_owned())
    }

    pub(super) fn environment() -> Self {
        Self("the environment".to_owned())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Problems and notices so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<String>,
    pub(super) notices: Vec<String>,
}

impl Findings {
    pub(super) fn problem(&mut self, place: &Place, sentence: impl std::fmt::Display) {
        self.problems.push(format!("{place}: {sentence}"));
    }

    pub(super) fn notice(&mut self, place: &Place, sentence: impl std::fmt::Display) {
        self.notices.push(format!("{place}: {sentence}"));
    }
}

/// The candidate that `word` was probably meant to be.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .map(|candidate| {
            let lower = candidate.to_ascii_lowercase();
            (strsim::damerau_levenshtein(&word, &lower), candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["poll_interval_seconds", "trace", "url"];
        let closest = |word| closest(word, known.into_iter());
        assert_eq!(closest("pol_interval_second"), Some("poll_interval_seconds"));
        assert_eq!(closest("TRACE"), Some("trace"));
        assert_eq!(closest("ulr"), Some("url"));
        assert_eq!(closest("database"), None);
    }
}
