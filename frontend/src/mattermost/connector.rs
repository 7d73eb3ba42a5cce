//! The HTTP clients, made from the settings.
//!
//! Trust: nothing leaves but to the configured address, over the configured
//! proxies; redirects are not followed, and the token travels in a header that
//! no log prints.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::{NoProxy, redirect};
use secrecy::ExposeSecret;

use super::Error;
use super::tls::{self, Protocols};
use super::transport::setup;
use crate::config::Mattermost;

const CONNECT: Duration = Duration::from_secs(10);

/// A client that speaks these protocols.
///
/// # Errors
/// [`Error::Setup`]: the CA file, a proxy or the token is of no use.
pub(super) fn client(settings: &Mattermost, speak: Protocols) -> Result<reqwest::Client, Error> {
    let tls = if settings.url.scheme() == "https" {
        tls::verified(settings.ca_file.as_deref(), speak)?
    } else {
        tls::trusting_nobody(speak)?
    };
    let mut token = HeaderValue::from_str(&format!("Bearer {}", settings.token.expose_secret()))
        .map_err(|_| setup("the token has characters that no token has"))?;
    token.set_sensitive(true);
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("gaggle/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([(header::AUTHORIZATION, token)]))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .tcp_keepalive(Duration::from_secs(30))
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60))
        // The environment was read once, into the settings.
        .no_proxy();
    if speak == Protocols::Http1 {
        builder = builder.http1_only();
    }
    let not_for = settings.proxy.none_for.as_deref();
    let proxies = [
        settings.proxy.http.clone().map(reqwest::Proxy::http),
        settings.proxy.https.clone().map(reqwest::Proxy::https),
    ];
    for proxy in proxies.into_iter().flatten() {
        let proxy = proxy.map_err(|error| setup(error.without_url()))?;
        builder = builder.proxy(proxy.no_proxy(not_for.and_then(NoProxy::from_string)));
    }
    builder.build().map_err(|error| setup(error.without_url()))
}
