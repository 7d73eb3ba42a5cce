//! The process's environment, taken once and passed on as a value.
//!
//! Trust: systemd or the admin's shell set it.

use std::collections::BTreeMap;

use secrecy::SecretString;

/// Variables by name, and the token of a caller that hands it over itself.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    token: Option<SecretString>,
}

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    #[must_use]
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// With a token that goes before all places where one may be kept.
    #[must_use]
    pub fn with_token(self, token: SecretString) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The token that was handed over.
    pub(super) fn token(&self) -> Option<&SecretString> {
        self.token.as_ref()
    }

    /// The value of `name`, unless it is missing or blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: pairs.collect(), token: None }
    }
}

impl std::fmt::Debug for Environment {
    // Values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
