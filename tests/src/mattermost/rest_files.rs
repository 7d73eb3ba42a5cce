//! `/files`: upload as a form or a raw body, download, description.
//!
//! Trust: who may read a file is decided in [`super::files`].

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State as Shared};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::error::ApiError;
use super::files::file_json;
use super::ids::Id;
use super::rest::{Answer, Caller, created, ok, path_id};
use super::server::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/files", post(upload))
        .route("/files/{file}", get(content))
        .route("/files/{file}/info", get(info))
}

/// One file of an upload.
struct Part {
    name: String,
    mime: String,
    content: Bytes,
}

pub(super) fn guess_mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("txt" | "md" | "log") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}

async fn upload(
    Shared(app): Shared<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Answer {
    let unreadable = || ApiError::body_param("files");
    let form = (request.headers().get(header::CONTENT_TYPE))
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("multipart/form-data"));
    let mut channel = query.get("channel_id").cloned().unwrap_or_default();
    let (mut parts, mut client_ids) = (Vec::new(), Vec::new());
    if form {
        let form = Multipart::from_request(request, &app).await.map_err(|_| unreadable())?;
        read_form(form, &mut channel, &mut parts, &mut client_ids).await?;
    } else {
        let name = query.get("filename").cloned().ok_or_else(unreadable)?;
        let mime = guess_mime(&name).to_owned();
        let content = Bytes::from_request(request, &app).await.map_err(|_| unreadable())?;
        parts.push(Part { name, mime, content });
    }
    let channel = Id::parse(&channel).ok_or_else(|| ApiError::body_param("channel_id"))?;
    let infos: Result<Vec<Value>, ApiError> = app.change(|state| {
        let add =
            |part: Part| state.add_file(caller.user, channel, &part.name, &part.mime, part.content);
        parts.into_iter().map(add).collect()
    });
    let client_ids = if client_ids.is_empty() { Value::Null } else { json!(client_ids) };
    created(&json!({ "file_infos": infos?, "client_ids": client_ids }))
}

async fn read_form(
    mut form: Multipart,
    channel: &mut String,
    parts: &mut Vec<Part>,
    client_ids: &mut Vec<String>,
) -> Result<(), ApiError> {
    let unreadable = |_| ApiError::body_param("files");
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "channel_id" => *channel = field.text().await.map_err(unreadable)?,
            "client_ids" => client_ids.push(field.text().await.map_err(unreadable)?),
            _ => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let mime = guess_mime(&name).to_owned();
                let content = field.bytes().await.map_err(unreadable)?;
                parts.push(Part { name, mime, content });
            }
        }
    }
    Ok(())
}

async fn content(Shared(app): Shared<App>, caller: Caller, Path(file): Path<String>) -> Answer {
    let id = path_id(&file, "file_id")?;
    let file = app.read(|state| state.file(id, caller.user).cloned())?;
    let escaped: String = file
        .name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    Ok((
        [
            (header::CONTENT_TYPE, file.mime),
            (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{escaped}")),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ],
        file.content,
    )
        .into_response())
}

async fn info(Shared(app): Shared<App>, caller: Caller, Path(file): Path<String>) -> Answer {
    let id = path_id(&file, "file_id")?;
    app.read(|state| ok(&file_json(state.file(id, caller.user)?)))
}
