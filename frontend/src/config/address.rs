//! The address of the server, which may be said in three places.
//!
//! Trust: what contradicts itself is refused, and so is plain HTTP to another
//! machine: anyone on the way could read the token.

use reqwest::Url;

use super::keys;
use super::problems::Findings;
use super::raw::{Found, Refusal};
use super::settings::{Settings, read};
use super::variables;

/// Reads it; `None` with a problem if it is missing or refused.
pub(super) fn read_address(settings: &Settings, findings: &mut Findings) -> Option<Url> {
    let scheme = settings.variable(variables::MATTERMOST_SCHEME);
    let scheme =
        read(scheme, None, findings, |raw| match raw.text()?.to_ascii_lowercase().as_str() {
            scheme @ ("http" | "https") => Ok(Some(scheme.to_owned())),
            _ => Err("write http or https".to_owned()),
        });
    let port = settings.variable(variables::MATTERMOST_PORT);
    let port = read(port, None, findings, |raw| {
        let port = raw.count(1, u32::from(u16::MAX))?;
        Ok(u16::try_from(port).ok())
    });
    let plaintext = settings.key(keys::ALLOW_PLAINTEXT);
    let plaintext = read(plaintext, false, findings, |raw| raw.bool());
    let Some(found) = settings.either(variables::MATTERMOST_URL, keys::URL) else {
        findings.problems.push(format!(
            "the address of Mattermost is missing: write url = \"https://chat.example.com\" below [mattermost] in {}, or set MATTERMOST_URL",
            settings.path(super::TOML_FILE).display()
        ));
        return None;
    };
    let url = address(found, scheme.as_deref(), port, plaintext);
    url.map_err(|refusal| findings.problem(&found.place, format!("{}: {refusal}", found.name))).ok()
}

fn address(
    found: &Found,
    scheme: Option<&str>,
    port: Option<u16>,
    plaintext: bool,
) -> Result<Url, Refusal> {
    parse(&found.raw.text()?, scheme, port, plaintext)
}

/// An address that stands alone.
pub(super) fn plain(text: &str) -> Result<Url, Refusal> {
    parse(text, None, None, false)
}

fn parse(
    text: &str,
    scheme: Option<&str>,
    port: Option<u16>,
    plaintext: bool,
) -> Result<Url, Refusal> {
    let text = text.trim();
    let spelled = if text.contains("://") {
        text.to_owned()
    } else {
        format!("{}://{text}", scheme.unwrap_or("https"))
    };
    let mut url =
        Url::parse(&spelled).map_err(|error| format!("{text:?} is no address: {error}"))?;
    check_shape(&url)?;
    if let Some(scheme) = scheme.filter(|scheme| *scheme != url.scheme()) {
        return Err(format!(
            "the URL says {} and MATTERMOST_SCHEME says {scheme}: make them agree, or leave MATTERMOST_SCHEME out",
            url.scheme()
        ));
    }
    if let Some(port) = port {
        let names_port = text.contains("://") || names_port(&spelled);
        set_port(&mut url, names_port, port)?;
    }
    if url.scheme() == "http" && !plaintext && !is_loopback(&url) {
        return Err(
            "http would show the bot's token to the network: use https, or write allow_plaintext = true below [mattermost] in gaggle.toml".to_owned(),
        );
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Puts `MATTERMOST_PORT` in, unless the address names another. A full URL
/// without a port means the scheme's own.
fn set_port(url: &mut Url, names_port: bool, port: u16) -> Result<(), Refusal> {
    match url.port_or_known_default().filter(|_| names_port) {
        Some(said) if said != port => Err(format!(
            "the URL says port {said} and MATTERMOST_PORT says {port}: make them agree, or leave MATTERMOST_PORT out"
        )),
        Some(_) => Ok(()),
        None => url.set_port(Some(port)).map_err(|()| "this address takes no port".to_owned()),
    }
}

fn check_shape(url: &Url) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the address begins with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or a password; leave it out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address ends with its path; leave out what follows ? or #".to_owned());
    }
    Ok(())
}

/// The host is followed by a port, even if it is the scheme's own: then the
/// parser drops it.
fn names_port(spelled: &str) -> bool {
    let host = spelled.split("://").nth(1).unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    after_brackets.contains(':')
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
}
