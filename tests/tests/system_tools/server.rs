//! A loopback web server over TLS that hands out the files of a folder, and a
//! CA of its own. Git needs no more of the other side to clone.
//!
//! Trust: it serves one test, and every file below its folder to whoever asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server; it ends with the test's process.
pub(crate) struct Server {
    /// `https://127.0.0.1:<port>`.
    pub(crate) url: String,
    /// The CA to trust, as PEM.
    pub(crate) ca: String,
}

impl Server {
    /// Serves the files below `folder`.
    pub(crate) fn start(folder: PathBuf) -> Result<Self> {
        let (ca, config) = configuration()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("https://{}", listener.local_addr()?);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (config, folder) = (config.clone(), folder.clone());
                // A client that does not like the certificate is no error here.
                std::thread::spawn(move || answer(connection, config, &folder));
            }
        });
        Ok(Self { url, ca })
    }
}

fn configuration() -> Result<(String, Arc<ServerConfig>)> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &ca)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((ca.pem(), Arc::new(config)))
}

/// One request, one answer.
fn answer(connection: TcpStream, config: Arc<ServerConfig>, folder: &Path) -> Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, connection);
    let mut asked = String::new();
    for line in BufReader::new(&mut stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if asked.is_empty() {
            asked = line;
        }
    }
    let target = asked.split(' ').nth(1).unwrap_or_default();
    let path = Path::new(target.split('?').next().unwrap_or_default().trim_start_matches('/'));
    let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
    let file = if plain { std::fs::read(folder.join(path)).ok() } else { None };
    let status = if file.is_some() { "200 OK" } else { "404 Not Found" };
    let body = file.unwrap_or_default();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}
