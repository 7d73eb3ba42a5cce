//! Addresses that may stay links, by their hosts.
//!
//! Trust: the list is the admin's, the address is the agent's. Clients and the
//! server read addresses each in their own way, so only those count that all of
//! them read alike: a plain scheme and a plain host, nothing before it.

use std::sync::Arc;

/// Hosts, in small letters; `*.` before one stands for all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// These.
    #[must_use]
    pub fn new(hosts: Vec<String>) -> Self {
        Self(hosts.into())
    }

    /// `address` leads to one of them.
    #[must_use]
    pub fn hold(&self, address: &str) -> bool {
        let Some(host) = host(address).map(|host| host.to_ascii_lowercase()) else { return false };
        self.0.iter().any(|listed| match listed.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|name| !name.is_empty()),
            None => host == *listed,
        })
    }
}

/// The host of an address that every reader takes for the same.
fn host(address: &str) -> Option<&str> {
    let lower = address.get(..8)?.to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = address.get(scheme.len()..)?;
    let plain =
        |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'@' | b'`' | b'<' | b'>' | b'"');
    if !rest.bytes().all(plain) || rest.contains("![") || rest.contains("](") {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, port) = match rest.get(..end)?.split_once(':') {
        Some((host, port)) => (host, port),
        None => (rest.get(..end)?, "443"),
    };
    let of_host = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    let port_is_one = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    (!host.is_empty() && host.bytes().all(of_host) && port_is_one).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_for_that_host() {
        let hosts = Hosts::new(vec!["docs.example.com".to_owned(), "*.corp.example".to_owned()]);
        for address in [
            "https://docs.example.com",
            "HTTP://Docs.Example.COM:8080/a?b=c#d",
            "https://wiki.corp.example/x",
            "https://a.b.corp.example",
        ] {
            assert!(hosts.hold(address), "{address}");
        }
        for address in [
            "https://example.com",
            "https://evil.docs.example.com",
            "https://docs.example.com.evil.net",
            "https://docs.example.com@evil.net",
            "https://docs.example.com:x@evil.net/",
            "https://docs.example.com\\@evil.net",
            "https://docs.example.com%2eevil.net",
            "https://docs.example.com:",
            "https://docs.example.comé",
            "https://corp.example",
            "https://evilcorp.example",
            "https:///docs.example.com",
            "ftp://docs.example.com",
            "javascript://docs.example.com/%0aalert(1)",
            "//docs.example.com",
            "www.docs.example.com",
            "docs.example.com",
            "https://docs.example.com/![x](https://evil.net)",
            "",
        ] {
            assert!(!hosts.hold(address), "{address}");
        }
    }
}
