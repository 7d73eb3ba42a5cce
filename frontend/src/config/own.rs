//! How somebody reaches Mattermost with an account of their own: by three variables,
//! as other tools for Mattermost read them.
//!
//! Trust: the environment is that of whoever calls. The token is in no sentence.

use secrecy::SecretString;

use super::address;
use super::problems::Findings;
use super::proxy::read_proxy;
use super::token;
use super::{Environment, Mattermost};

/// Where the server is.
const URL: &str = "MATTERMOST_URL";
/// A personal access token, or that of a bot of one's own.
const TOKEN: &str = "MATTERMOST_TOKEN";

impl Mattermost {
    /// The account that the environment names.
    ///
    /// # Errors
    /// What is missing or refused, and what to write instead.
    pub fn of_environment(environment: &Environment) -> Result<Self, String> {
        let missing = |name: &str, what: &str| format!("{name} is not set: {what}");
        let text = environment
            .get(URL)
            .ok_or_else(|| missing(URL, "write the server's address, https://chat.example.com"))?;
        let url = address::plain(text).map_err(|refusal| format!("{URL}: {refusal}"))?;
        let text = environment.get(TOKEN).ok_or_else(|| {
            missing(TOKEN, "make a personal access token in Mattermost: Profile, Security")
        })?;
        let token: SecretString =
            token::token(text).map_err(|refusal| format!("{TOKEN}: {refusal}"))?;
        let mut findings = Findings::default();
        let proxy = read_proxy(environment, &mut findings);
        match findings.problems.first() {
            Some(problem) => Err(problem.clone()),
            None => Ok(Self { url, token, ca_file: None, proxy }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Mattermost, String> {
        Mattermost::of_environment(&pairs.iter().copied().collect())
    }

    #[test]
    fn an_address_and_a_token_are_enough_and_each_is_missed() {
        let (url, token) = ((URL, "https://chat.example.com"), (TOKEN, "s3cret"));
        assert_eq!(read(&[url, token]).unwrap().url.as_str(), "https://chat.example.com/");
        assert!(read(&[url]).unwrap_err().starts_with(TOKEN));
        assert!(read(&[token]).unwrap_err().starts_with(URL));
    }

    #[test]
    fn a_token_goes_over_no_open_network_and_stands_in_no_refusal() {
        for url in ["http://chat.example.com", "https://a:b@chat.example.com", "ftp://x"] {
            let refused = read(&[(URL, url), (TOKEN, "s3cret")]).unwrap_err();
            assert!(!refused.contains("s3cret"), "{refused}");
        }
        let refused = read(&[(URL, "https://x"), (TOKEN, "s3 cret")]).unwrap_err();
        assert!(!refused.contains("s3 cret"), "{refused}");
    }
}
