//! Whom the admin means: a name in Mattermost, an id, or an account.
//!
//! Trust: the admin's words, of checked form.

use std::fmt;
use std::str::FromStr;

use gaggle_ipc::ids::is_username;
use gaggle_ipc::{AccountName, MattermostUserId};

/// A name in Mattermost, in lower case, without the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Username(String);

impl Username {
    /// `None` for what no name looks like.
    pub(super) fn new(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        is_username(&name).then_some(Self(name))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// A person in Mattermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// By name, which may change hands: to be resolved at once.
    Name(Username),
    /// By the immutable id.
    Id(MattermostUserId),
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('@') {
            let name = Username::new(name);
            return name.map(Self::Name).ok_or_else(|| "no name like @alice".to_owned());
        }
        MattermostUserId::new(text).map(Self::Id).map_err(|_| {
            "write @NAME, or the 26-character id, which people see when they send !whoami to the bot"
                .to_owned()
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Id(id) => f.write_str(id.as_str()),
        }
    }
}

/// Somebody who stands in the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// By the account.
    Account(AccountName),
    /// By who they are in Mattermost.
    Person(Who),
}

impl FromStr for Mapped {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(who) = text.parse() {
            return Ok(Self::Person(who));
        }
        AccountName::new(text)
            .map(Self::Account)
            .map_err(|_| "write an account, @NAME or a 26-character id".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_sign_makes_a_name_of_what_could_be_an_id() {
        let id = "4u738icxytb4f8spoou9mcp7fy";
        assert!(matches!(id.parse::<Who>(), Ok(Who::Id(_))));
        let name = format!("@{id}").parse::<Who>().unwrap();
        assert_eq!(name.to_string(), format!("@{id}"));
        assert_eq!("@Alice.B-2_x".parse::<Who>().unwrap().to_string(), "@alice.b-2_x");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "@", "alice", "@ali ce", "@alice\n", "@ä", "--json"] {
            assert!(text.parse::<Who>().is_err(), "{text:?}");
        }
        assert!(format!("@{}", "a".repeat(65)).parse::<Who>().is_err());
        assert!(matches!("alice".parse::<Mapped>(), Ok(Mapped::Account(_))));
        assert!("Alice!".parse::<Mapped>().is_err());
    }
}
