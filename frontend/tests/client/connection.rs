//! Whom the client speaks to, and through whom.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use gaggle_frontend::mattermost::{Client, Error};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::scripted::{Scripted, router_of_one};
use crate::{id, settings};

/// A CA of our own, and its file.
struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server with a certificate of this CA's for `name`.
    async fn server(&self, name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        serve(TlsAcceptor::from(Arc::new(config))).await
    }
}

/// Accepts only those who finish the handshake.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            // A client that does not trust us hangs up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn serve(acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router_of_one(json!({"id": id(1).as_str()}));
    let listener = TlsListener { listener, acceptor };
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn https(address: SocketAddr) -> gaggle_frontend::config::Mattermost {
    settings(&format!("https://localhost:{}/", address.port()))
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    let ca = Ca::new();
    let address = ca.server("localhost").await;
    let refused = Client::new(&https(address)).unwrap().me().await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "{refused:?}");
    // The same server, with the CA named.
    let mut trusting = https(address);
    trusting.ca_file = Some(ca.file());
    assert_eq!(Client::new(&trusting).unwrap().me().await.unwrap().id, id(1));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ca = Ca::new();
    let mut trusting = https(ca.server("elsewhere.example").await);
    trusting.ca_file = Some(ca.file());
    let refused = Client::new(&trusting).unwrap().me().await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_ca_file_without_a_ca_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let mut settings = settings("https://localhost/");
        settings.ca_file = Some(file.clone());
        let Err(Error::Setup { cause }) = Client::new(&settings) else {
            panic!("{file:?} was taken");
        };
        assert!(cause.contains("ca_file"), "{cause}");
    }
}

/// Asks the server named in the environment and says how it went.
#[tokio::test]
#[ignore = "the other half of the test that sets its environment"]
async fn asker() {
    let settings = settings(&std::env::var("ASK").unwrap());
    Client::new(&settings).unwrap().me().await.unwrap();
}

#[tokio::test]
async fn the_systems_own_variable_for_cas_is_honoured() {
    let ca = Ca::new();
    let address = ca.server("localhost").await;
    let ask = |file: Option<PathBuf>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "connection::asker", "--ignored"])
            .env("ASK", format!("https://localhost:{}/", address.port()))
            .env_remove("SSL_CERT_FILE")
            .envs(file.map(|file| ("SSL_CERT_FILE", file)));
        tokio::task::spawn_blocking(move || command.output().unwrap().status.success())
    };
    assert!(ask(Some(ca.file())).await.unwrap());
    assert!(!ask(None).await.unwrap());
}

/// A proxy that notes the first line of each connection and turns it away.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let noted = lines.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            turn_away(stream, &noted).await;
        }
    });
    (address, lines)
}

async fn turn_away(stream: TcpStream, lines: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let _ = stream.read_line(&mut line).await;
    lines.lock().unwrap().push(line.trim().to_owned());
    // Not worth another try, so that the test need not wait for one.
    let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
}

#[tokio::test]
async fn proxies_are_used_for_their_scheme_and_not_for_excepted_hosts() {
    let server = Scripted::start().await;
    server.json(json!({"id": id(1).as_str()}));
    let (address, lines) = proxy().await;
    let proxy: Option<reqwest::Url> = format!("http://{address}/").parse().ok();
    let direct = format!("http://{}/", server.address);

    let mut through = settings("http://mattermost.invalid/");
    through.proxy.http = proxy.clone();
    assert!(Client::new(&through).unwrap().me().await.is_err());
    let seen = || lines.lock().unwrap().clone();
    assert_eq!(seen(), ["GET http://mattermost.invalid/api/v4/users/me HTTP/1.1"]);

    let mut tunnel = settings("https://mattermost.invalid/");
    tunnel.proxy.https = proxy.clone();
    let asking = Client::new(&tunnel).unwrap();
    let asked = tokio::spawn(async move { asking.me().await });
    let second = async {
        while seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), second).await.expect("nobody asked the proxy");
    asked.abort();
    assert_eq!(seen()[1], "CONNECT mattermost.invalid:443 HTTP/1.1");

    let before = seen().len();
    let mut excepted = settings(&direct);
    excepted.proxy.http = proxy;
    excepted.proxy.none_for = Some("127.0.0.1".to_owned());
    Client::new(&excepted).unwrap().me().await.unwrap();
    assert!(seen()[before..].iter().all(|line| line.starts_with("CONNECT")));
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_away() {
    let (here, there) = (Scripted::start().await, Scripted::start().await);
    there.json(json!({"id": id(1).as_str()}));
    let to = format!("http://{}/api/v4/users/me", there.address);
    here.answer((StatusCode::FOUND, [("location", to)]));
    let settings = settings(&format!("http://{}/", here.address));
    let refused = Client::new(&settings).unwrap().me().await;
    assert!(matches!(refused, Err(Error::Malformed { .. })), "{refused:?}");
    assert!(there.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_did_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let asking = Client::new(&settings(&format!("http://{address}/"))).unwrap();
    let begun = tokio::spawn(async move { asking.typing(id(3), None).await });
    // It comes while the client still tries: nothing of the request was lost.
    let listener = TcpListener::bind(address).await.unwrap();
    let app = router_of_one(json!({}));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    begun.await.unwrap().unwrap();
    server.abort();
}
