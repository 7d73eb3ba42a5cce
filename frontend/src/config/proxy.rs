//! The usual proxy variables, in either case.
//!
//! Trust: the environment is the admin's. A proxy's address may hold a password
//! and is in no sentence.

use reqwest::Url;

use super::problems::{Findings, Place};
use super::{Environment, Proxy};

/// Reads them.
pub(super) fn read_proxy(environment: &Environment, findings: &mut Findings) -> Proxy {
    let mut one = |names: [&'static str; 4]| {
        let (name, text) =
            names.into_iter().find_map(|name| Some((name, environment.get(name)?)))?;
        let url = address(text);
        if url.is_none() {
            findings.problem(
                &Place::environment(),
                format!("{name}: write the proxy as http://host:port"),
            );
        }
        url
    };
    Proxy {
        http: one(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
        https: one(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        none_for: ["no_proxy", "NO_PROXY"]
            .into_iter()
            .find_map(|name| environment.get(name))
            .map(str::to_owned),
    }
}

fn address(text: &str) -> Option<Url> {
    let spelled = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&spelled)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
