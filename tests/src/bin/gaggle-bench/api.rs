//! Mattermost's REST API, as far as the bench plays people, an administrator
//! and a bot.
//!
//! Trust: the server is measured, and what it refuses ends the run.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// No call takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
}

/// The API of one server. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client,
    base: String,
}

impl Api {
    /// Of the server at `base`.
    pub(crate) fn new(base: &str) -> Result<Self> {
        // Whoever was first has done the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().tcp_nodelay(true).timeout(PATIENCE).build()?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for something as `user`.
    pub(crate) async fn get(&self, user: &User, path: &str) -> Result<Value> {
        self.call(&user.token, Method::GET, path, None).await
    }

    /// Does something as `user`.
    pub(crate) async fn post(&self, user: &User, path: &str, body: Value) -> Result<Value> {
        self.call(&user.token, Method::POST, path, Some(body)).await
    }

    /// Changes something as `user`.
    pub(crate) async fn put(&self, user: &User, path: &str, body: Value) -> Result<Value> {
        self.call(&user.token, Method::PUT, path, Some(body)).await
    }

    async fn call(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}/api/v4{path}", self.base));
        request = request.bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| format!("{path}: no answer"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{path}: not JSON"))
    }

    /// Logs in with a name and a password.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<User> {
        let body = json!({ "login_id": name, "password": password });
        let path = format!("{}/api/v4/users/login", self.base);
        let answer = self.client.post(path).json(&body).send().await.context("log in")?;
        let token = answer.headers().get("token").and_then(|token| token.to_str().ok());
        let token = token.with_context(|| format!("{name} cannot log in: {}", answer.status()))?;
        let token = token.to_owned();
        let id = text(&answer.json().await?, "id")?;
        Ok(User { id, name: name.to_owned(), token })
    }

    /// Writes in a channel, or in the thread of `root`; the post's id.
    pub(crate) async fn write(
        &self,
        user: &User,
        channel: &str,
        root: Option<&str>,
        message: &str,
    ) -> Result<String> {
        let body = json!({ "channel_id": channel, "root_id": root.unwrap_or_default(),
            "message": message });
        text(&self.post(user, "/posts", body).await?, "id")
    }
}

/// A text in an answer.
pub(crate) fn text(answer: &Value, name: &str) -> Result<String> {
    let found = answer.get(name).and_then(Value::as_str);
    Ok(found.with_context(|| format!("the answer has no {name}"))?.to_owned())
}
