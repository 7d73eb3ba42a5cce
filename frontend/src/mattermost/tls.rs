//! TLS as every connection to Mattermost uses it.
//!
//! Trust: the system's CAs (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`), and
//! beside them the admin's `ca_file`. There is no way to switch verifying off.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::Error;

/// The versions of HTTP that a connection may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocols {
    /// The newest that both sides know.
    All,
    /// The one that becomes a WebSocket.
    Http1,
}

/// The settings for `https` connections.
///
/// # Errors
/// [`Error::Setup`] if there is no CA at all, or `ca_file` holds none.
pub(super) fn verified(ca_file: Option<&Path>, speak: Protocols) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let extra = ca_file.map(read).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(setup)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        // The method's name warns of verifiers that verify nothing; this one
        // asks the platform's roots.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(with_alpn(config, speak))
}

/// The settings for a client that has only `http` addresses: it trusts nobody,
/// and so works on a system without any CA.
pub(super) fn trusting_nobody(speak: Protocols) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(with_alpn(config, speak))
}

fn with_alpn(mut config: ClientConfig, speak: Protocols) -> ClientConfig {
    config.alpn_protocols = match speak {
        Protocols::All => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocols::Http1 => vec![b"http/1.1".to_vec()],
    };
    config
}

fn read(ca_file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed =
        |cause: String| Error::Setup { cause: format!("ca_file {}: {cause}", ca_file.display()) };
    let found = CertificateDer::pem_file_iter(ca_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(error.to_string()))?;
    if found.is_empty() {
        return Err(failed("there is no CERTIFICATE in it".to_owned()));
    }
    Ok(found)
}

fn setup(error: rustls::Error) -> Error {
    Error::Setup { cause: format!("TLS: {error}") }
}
