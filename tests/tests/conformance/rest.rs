//! A REST client that hides nothing: status, headers and body of each answer.

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

/// The API of one server.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client,
    pub(crate) base: String,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Rest {
    pub(crate) fn new(base: &str) -> Result<Self> {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(std::time::Duration::from_secs(60));
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { client: client.build()?, base })
    }

    /// Sends a request below `/api/v4`.
    pub(crate) async fn call(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply> {
        self.raw(token, method, path, body.map(|body| body.to_string())).await
    }

    /// The same with a body that need not be JSON.
    pub(crate) async fn raw(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Reply> {
        self.send(token, method, &format!("/api/v4{path}"), body, None).await
    }

    pub(crate) async fn send(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<String>,
        known_etag: Option<&str>,
    ) -> Result<Reply> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(etag) = known_etag {
            request = request.header("If-None-Match", etag);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let response = request.send().await.with_context(|| format!("{path}: no answer"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.text().await? })
    }
}

impl Reply {
    /// The body, if the status is the one expected.
    pub(crate) fn is(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }

    /// Nothing, if this is the refusal expected.
    pub(crate) fn refused(self, status: u16, id: &str) -> Result<()> {
        let body = self.is(status)?;
        if body["id"] != id {
            bail!("refused with {} instead of {id}", body["id"]);
        }
        Ok(())
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}
