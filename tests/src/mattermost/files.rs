//! Uploaded files: kept in memory, attached to a post once.
//!
//! Trust: before a file is attached only its uploader may read it; after that
//! whoever may read the post.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ApiError;
use super::ids::{Id, or_empty};
use super::model::Post;
use super::state::State;

/// All files together; a test that uploads more has a leak.
const MAX_BYTES: usize = 256 * 1024 * 1024;

#[derive(Clone)]
pub(super) struct File {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) channel: Id,
    pub(super) post: Option<Id>,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) create_at: i64,
    pub(super) content: axum::body::Bytes,
}

/// The files of a server.
pub(super) type Files = BTreeMap<Id, File>;

impl State {
    pub(super) fn add_file(
        &mut self,
        user: Id,
        channel: Id,
        name: &str,
        mime: &str,
        content: axum::body::Bytes,
    ) -> Result<Value, ApiError> {
        self.check_member(channel, user)?;
        let used: usize = self.files.values().map(|file| file.content.len()).sum();
        if used + content.len() > MAX_BYTES {
            return Err(ApiError::full());
        }
        // A path in the name is cut to its last part.
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let file = File {
            id: Id::random(),
            user,
            channel,
            post: None,
            name,
            mime: mime.to_owned(),
            create_at: self.now(),
            content,
        };
        let json = file_json(&file);
        self.files.insert(file.id, file);
        Ok(json)
    }

    /// Attaches what the author uploaded and did not attach yet; anything
    /// else is dropped without a word, as a real server does.
    pub(super) fn attach_files(&mut self, post: &Post) -> Vec<Id> {
        let mut attached = Vec::new();
        for id in &post.file_ids {
            if let Some(file) = self.files.get_mut(id)
                && file.user == post.user_id
                && file.post.is_none()
            {
                file.post = Some(post.id);
                attached.push(*id);
            }
        }
        attached
    }

    /// A file `user` may read.
    pub(super) fn file(&self, id: Id, user: Id) -> Result<&File, ApiError> {
        let file = self.files.get(&id).ok_or_else(|| {
            ApiError::new(
                axum::http::StatusCode::NOT_FOUND,
                "app.file_info.get.app_error",
                "Unable to get the file info.",
            )
        })?;
        let shared = file.post.is_some() && self.check_visible(file.channel, user).is_ok();
        if file.user == user || shared { Ok(file) } else { Err(ApiError::permissions()) }
    }

    pub(super) fn files_json(&self, ids: &[Id]) -> Vec<Value> {
        ids.iter().filter_map(|id| self.files.get(id)).map(file_json).collect()
    }
}

pub(super) fn file_json(file: &File) -> Value {
    let extension = file.name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    let mut json = json!({
        "id": file.id, "user_id": file.user, "channel_id": "", "create_at": file.create_at,
        "update_at": file.create_at, "delete_at": 0, "name": file.name,
        "extension": extension, "size": file.content.len(), "mime_type": file.mime,
        "mini_preview": null, "remote_id": "",
    });
    if let (Some(fields), Some(_)) = (json.as_object_mut(), file.post) {
        fields.insert("post_id".to_owned(), json!(or_empty(file.post)));
    }
    json
}
