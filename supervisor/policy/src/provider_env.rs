//! `goose.env` and `accounts/<account>.env`: the provider settings an agent gets.
//!
//! Trust: root-owned and secret. Names that could change what is executed or
//! loosen the sandbox are refused here, before anything is started with them.

use std::fmt;

use gaggle_ipc::launch::steers_programs;
use serde::{Deserialize, Serialize};

/// Largest value, in bytes: an environment string has a limit in the kernel too.
const MAX_VALUE: usize = 8 * 1024;
/// Most settings in one file.
const MAX_SETTINGS: usize = 200;

/// Settings in the order of the file. Never shown: `Debug` counts them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderEnv(Vec<(String, String)>);

impl fmt::Debug for ProviderEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderEnv({} settings)", self.0.len())
    }
}

impl ProviderEnv {
    /// Name and value pairs, names unique.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// These settings with `over` in the place of equal names.
    pub fn overridden_by(&self, over: &Self) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !over.0.iter().any(|(n, _)| n == name));
        Self(kept.chain(&over.0).cloned().collect())
    }
}

/// Reads dotenv text: `NAME=value`, `export NAME=value`, quotes, `#` comments.
///
/// # Errors
/// A sentence with the line number, never with a value.
pub fn parse(text: &str) -> Result<ProviderEnv, String> {
    let mut settings: Vec<(String, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let refuse = |why: &str| Err(format!("line {number}: {why}"));
        let line = line.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return refuse("not NAME=value");
        };
        let name = name.trim_end();
        if !is_name(name) {
            return refuse("a name is A-Z, 0-9 and _, and begins with no digit");
        }
        if steers_programs(name) {
            return Err(format!("line {number}: {name} may not be set for an agent"));
        }
        if settings.iter().any(|(known, _)| known == name) {
            return Err(format!("line {number}: {name} is set twice"));
        }
        let Some(value) = unquote(value.trim()) else {
            return refuse("the quote is not closed, or something follows it");
        };
        if value.len() > MAX_VALUE || value.contains('\0') || settings.len() == MAX_SETTINGS {
            return refuse("value too long, NUL in it, or too many settings");
        }
        settings.push((name.to_owned(), value));
    }
    Ok(ProviderEnv(settings))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn unquote(value: &str) -> Option<String> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inside, after) = rest.split_once(quote)?;
            let after = after.trim_start();
            return (after.is_empty() || after.starts_with('#')).then(|| inside.to_owned());
        }
    }
    // Unquoted, a comment begins at a blank followed by #.
    let end = value.find(" #").unwrap_or(value.len());
    Some(value.get(..end).unwrap_or(value).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar() {
        let text = "# keys\nexport OPENAI_API_KEY='a b # c'\nA=1 # one\n\nB=\"x\" # y\nC=\n";
        let env = parse(text).unwrap();
        let pairs: Vec<_> = env.iter().collect();
        assert_eq!(pairs, [("OPENAI_API_KEY", "a b # c"), ("A", "1"), ("B", "x"), ("C", "")]);
    }

    #[test]
    fn an_account_overrides_the_common_file() {
        let common = parse("A=1\nB=1").unwrap();
        let own = parse("B=2").unwrap();
        let both = common.overridden_by(&own);
        assert_eq!(both.iter().collect::<Vec<_>>(), [("A", "1"), ("B", "2")]);
    }

    #[test]
    fn names_that_steer_programs_are_refused_and_no_value_is_shown() {
        for name in
            ["LD_PRELOAD", "HOME", "PATH", "TMPDIR", "GOOSE_MODE", "GOOSE_PATH_ROOT", "BASH_ENV"]
        {
            let error = parse(&format!("A=1\n{name}=secret")).unwrap_err();
            assert!(error.contains("line 2") && error.contains(name), "{error}");
            assert!(!error.contains("secret"));
        }
        for text in ["nonsense", "a=1", "1A=1", "=x", "A='x", "A=1\nA=2", "A B=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(!format!("{:?}", parse("A=secret").unwrap()).contains("secret"));
    }
}
