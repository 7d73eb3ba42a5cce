//! A Mattermost whose every post, counter and clock the test decides. Its clock
//! is three years behind.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gaggle_ipc::MattermostId;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server's clock starts here.
pub(crate) const EPOCH: i64 = 1_700_000_000_000;

pub(crate) fn id(number: u32) -> MattermostId {
    MattermostId::new(&format!("{number:026}")).unwrap()
}

pub(crate) fn bot() -> MattermostId {
    id(1)
}

#[derive(Clone)]
struct Channel {
    kind: &'static str,
    member: bool,
    created: i64,
    last_post_at: i64,
    count: i64,
}

/// What the server holds, and how it misbehaves.
#[derive(Default)]
pub(crate) struct Model {
    channels: HashMap<MattermostId, Channel>,
    pub(crate) posts: Vec<Value>,
    next: u32,
    pub(crate) clock: i64,
    /// It has no call for all teams at once, but tags.
    pub(crate) old: bool,
    /// Answered instead, so many times, to paths that contain the text.
    pub(crate) faults: Vec<(&'static str, u16, usize)>,
    /// How often each sort of request came.
    pub(crate) asked: HashMap<&'static str, usize>,
}

impl Model {
    pub(crate) fn channel(&mut self, kind: &'static str) -> MattermostId {
        let made = self.fresh_id();
        self.clock += 10;
        let channel =
            Channel { kind, member: true, created: self.clock, last_post_at: self.clock, count: 0 };
        self.channels.insert(made, channel);
        made
    }

    fn fresh_id(&mut self) -> MattermostId {
        self.next += 1;
        id(1000 + self.next)
    }

    /// A post as people write it.
    pub(crate) fn post(&mut self, channel: MattermostId) -> MattermostId {
        self.clock += 7;
        self.post_at(channel, self.clock, "", json!({}))
    }

    /// A post that becomes visible now and says it was made at another time.
    pub(crate) fn post_at(
        &mut self,
        channel: MattermostId,
        at: i64,
        kind: &str,
        props: Value,
    ) -> MattermostId {
        let made = self.fresh_id();
        self.posts.push(json!({
            "id": made.as_str(), "create_at": at, "update_at": at, "user_id": id(2).as_str(),
            "channel_id": channel.as_str(), "root_id": "", "message": "hello", "type": kind,
            "props": props, "delete_at": 0, "original_id": null, "file_ids": null,
        }));
        let channel = self.channels.get_mut(&channel).unwrap();
        channel.last_post_at = channel.last_post_at.max(at);
        channel.count += 1;
        made
    }

    /// The bot edits a post of its own.
    pub(crate) fn edit(&mut self, channel: MattermostId) {
        self.clock += 1;
        self.channels.get_mut(&channel).unwrap().last_post_at = self.clock;
    }

    pub(crate) fn leave(&mut self, channel: MattermostId) {
        self.channels.get_mut(&channel).unwrap().member = false;
    }

    /// The bot is added, as the server tells the channel.
    pub(crate) fn join(&mut self, channel: MattermostId) {
        self.channels.get_mut(&channel).unwrap().member = true;
        self.clock += 1;
        let props = json!({"addedUserId": bot().as_str()});
        self.post_at(channel, self.clock, "system_add_to_channel", props);
    }

    fn list(&self) -> Vec<Value> {
        let members = self.channels.iter().filter(|(_, channel)| channel.member);
        let json = |(id, channel): (&MattermostId, &Channel)| {
            json!({
                "id": id.as_str(), "type": channel.kind, "create_at": channel.created,
                "last_post_at": channel.last_post_at, "total_msg_count": channel.count,
                "team_id": "", "name": null, "delete_at": 0,
            })
        };
        members.map(json).collect()
    }

    fn tag(&self) -> String {
        let members = || self.channels.values().filter(|channel| channel.member);
        let newest = members().map(|channel| channel.last_post_at).max();
        format!("{}.{}", newest.unwrap_or(0), members().count())
    }

    fn fault(&mut self, path: &str) -> Option<StatusCode> {
        let found = |(part, _, left): &&mut (&str, u16, usize)| path.contains(*part) && *left > 0;
        let (_, status, left) = self.faults.iter_mut().find(found)?;
        *left -= 1;
        StatusCode::from_u16(*status).ok()
    }
}

type Shared = Arc<Mutex<Model>>;

/// The server, until it is dropped.
pub(crate) struct Server {
    model: Shared,
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let model = Model { clock: EPOCH, ..Model::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let model = Arc::new(Mutex::new(model));
        let task = serve(listener, model.clone());
        Self { model, address, task }
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub(crate) fn channel(&self, kind: &'static str) -> MattermostId {
        self.model().channel(kind)
    }

    pub(crate) fn post(&self, channel: MattermostId) -> MattermostId {
        self.model().post(channel)
    }

    /// Connections break and nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub(crate) async fn start_again(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        self.task = serve(socket.listen(64).unwrap(), self.model.clone());
    }
}

fn serve(listener: TcpListener, model: Shared) -> JoinHandle<()> {
    let api = Router::new()
        .route("/users/me", get(me))
        .route("/users/me/channels", get(channels))
        .route("/users/me/teams", get(teams))
        .route("/users/me/teams/{team}/channels", get(team_channels))
        .route("/channels/{channel}/posts", get(posts))
        .with_state(model);
    let app = Router::new().nest("/api/v4", api);
    tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    })
}

fn error(status: StatusCode) -> Response {
    let id = if status == StatusCode::UNAUTHORIZED {
        "api.context.session_expired.app_error"
    } else {
        "some.app_error"
    };
    (status, axum::Json(json!({"id": id, "message": "Nein."}))).into_response()
}

fn begin<'a>(
    shared: &'a Shared,
    what: &'static str,
    path: &str,
) -> Result<MutexGuard<'a, Model>, StatusCode> {
    let mut model = shared.lock().unwrap();
    *model.asked.entry(what).or_default() += 1;
    match model.fault(path) {
        Some(status) => Err(status),
        None => Ok(model),
    }
}

async fn me(State(shared): State<Shared>) -> Response {
    match begin(&shared, "me", "users/me") {
        Ok(_) => axum::Json(json!({"id": bot().as_str(), "is_bot": true})).into_response(),
        Err(fault) => error(fault),
    }
}

async fn channels(State(shared): State<Shared>) -> Response {
    match begin(&shared, "list", "users/me/channels") {
        Ok(model) if model.old => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        Ok(model) => axum::Json(model.list()).into_response(),
        Err(fault) => error(fault),
    }
}

async fn teams(State(shared): State<Shared>) -> Response {
    match begin(&shared, "teams", "users/me/teams") {
        Ok(_) => axum::Json(json!([{"id": id(5).as_str()}])).into_response(),
        Err(fault) => error(fault),
    }
}

async fn team_channels(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    match begin(&shared, "list", "teams/channels") {
        Ok(model) => {
            let tag = model.tag();
            let asked = headers.get(header::IF_NONE_MATCH).map(|tag| tag.as_bytes());
            if asked == Some(tag.as_bytes()) {
                return StatusCode::NOT_MODIFIED.into_response();
            }
            ([(header::ETAG, tag)], axum::Json(model.list())).into_response()
        }
        Err(fault) => error(fault),
    }
}

async fn posts(
    State(shared): State<Shared>,
    Path(channel): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let model = match begin(&shared, "posts", &format!("{channel}/posts")) {
        Ok(model) => model,
        Err(fault) => return error(fault),
    };
    let member = MattermostId::new(&channel).ok().and_then(|id| model.channels.get(&id));
    if !member.is_some_and(|channel| channel.member) {
        return error(StatusCode::FORBIDDEN);
    }
    let number = |name: &str| query.get(name).map_or(0, |text| text.parse::<usize>().unwrap());
    let at = |post: &Value| post["create_at"].as_i64().unwrap();
    let named = |name: &str| {
        let id = query.get(name)?;
        Some(model.posts.iter().find(|post| post["id"] == **id).map(at))
    };
    let mut found: Vec<&Value> =
        model.posts.iter().filter(|post| post["channel_id"] == *channel).collect();
    found.retain(|post| post["delete_at"] == 0);
    found.sort_by_key(|post| at(post));
    if let Some(after) = named("after") {
        found.retain(|post| after.is_some_and(|after| at(post) > after));
    } else {
        let before = named("before").unwrap_or(Some(i64::MAX));
        found.retain(|post| before.is_some_and(|before| at(post) < before));
        found.reverse();
    }
    let per_page = number("per_page").min(200);
    let left = found.split_off(found.len().min(number("page") * per_page));
    let mut page: Vec<&Value> = left.iter().take(per_page).copied().collect();
    page.sort_by_key(|post| -at(post));
    let more = query.contains_key("after") && left.len() > per_page;
    let next = if more { "more" } else { "" };
    let by_id: HashMap<&str, &Value> =
        page.iter().map(|post| (post["id"].as_str().unwrap(), *post)).collect();
    let order: Vec<&Value> = page.iter().map(|post| &post["id"]).collect();
    axum::Json(json!({"order": order, "posts": by_id, "next_post_id": next, "prev_post_id": ""}))
        .into_response()
}
