//! Looking for posts by their words.
//!
//! Trust: the server searches what this account may see; newest first. Words such
//! as `from:` and `in:` mean to it what they mean to people.

use gaggle_ipc::MattermostId;
use serde_json::json;

use super::posts::{PostList, sorted};
use super::transport::Request;
use super::{Client, Error, Post};

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// As people type it.
    pub terms: &'a str,
    /// Posts with any of the words, in place of all.
    pub any: bool,
    /// From 0.
    pub page: u32,
    /// 1 to 100.
    pub per_page: u16,
}

impl Client {
    /// Posts of a team's channels and of direct messages, newest first, and whether
    /// there may be more.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if this account is not in the team.
    pub async fn search_posts(
        &self,
        team: MattermostId,
        search: &Search<'_>,
    ) -> Result<(Vec<Post>, bool), Error> {
        let body = json!({
            "terms": search.terms,
            "is_or_search": search.any,
            "page": search.page,
            "per_page": search.per_page,
        });
        let path = format!("teams/{team}/posts/search");
        let list: PostList = self.fetch(Request::post(path, &body).repeatable()).await?;
        let more = list.posts.len() >= usize::from(search.per_page);
        let mut posts = sorted(list.posts);
        posts.reverse();
        Ok((posts, more))
    }
}
