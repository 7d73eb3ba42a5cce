//! Reading the posts of a channel: pages, `before`, `after`, `since`, and
//! threads, each with the oddities of the real queries.
//!
//! Trust: whoever calls has checked that the reader may.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::ids::{Id, or_empty};
use super::model::Post;
use super::state::State;

/// `since` answers with at most this many rows, and not the newest.
const SINCE_ROWS: usize = 1_000;

/// Which part of a channel is asked for.
pub(super) enum Part {
    Newest,
    Before(Option<Id>),
    After(Option<Id>),
    Since(i64),
}

pub(super) struct Query {
    pub(super) part: Part,
    pub(super) page: usize,
    pub(super) per_page: usize,
    pub(super) skip_threads: bool,
    /// Roots only, as `collapsedThreads=true` asks for.
    pub(super) roots_only: bool,
}

/// Which part of a thread is asked for; with zeroes all of it.
#[derive(Default)]
pub(super) struct ThreadPage {
    pub(super) per_page: usize,
    pub(super) from: i64,
    pub(super) from_post: Option<String>,
    pub(super) upward: bool,
}

impl ThreadPage {
    fn holds(&self, post: &Post) -> bool {
        if self.from == 0 {
            return true;
        }
        let of_its_time = |beyond: fn(&str, &str) -> bool| {
            let from = self.from_post.as_deref();
            post.create_at == self.from && from.is_some_and(|from| beyond(post.id.as_str(), from))
        };
        if self.upward {
            post.create_at < self.from || of_its_time(|id, from| id < from)
        } else {
            post.create_at > self.from || of_its_time(|id, from| id > from)
        }
    }
}

impl State {
    pub(super) fn list_posts(&self, channel: Id, query: &Query) -> Value {
        if let Part::Since(time) = query.part {
            return self.posts_since(channel, time, query.skip_threads);
        }
        let order = self.page_of(channel, query);
        let anchored = matches!(query.part, Part::Before(_) | Part::After(_));
        let count = anchored || query.skip_threads || query.roots_only;
        let mut posts = Map::new();
        for id in &order {
            let Some(post) = self.posts.get(id) else { continue };
            posts.insert(id.to_string(), self.post_json(post, count, ""));
            // Only around an anchor does a root bring its replies.
            let wanted = post.root_id.is_some() || anchored;
            if wanted && !query.roots_only {
                self.add_thread(&mut posts, post, !query.skip_threads, count);
            }
        }
        let (next, prev) = self.neighbours(channel, query, &order);
        json!({ "order": order, "posts": posts,
            "next_post_id": or_empty(next), "prev_post_id": or_empty(prev) })
    }

    /// The ids asked for, newest first.
    fn page_of(&self, channel: Id, query: &Query) -> Vec<Id> {
        let Some(timeline) = self.timelines.get(&channel) else { return Vec::new() };
        let time_of = |id: &Option<Id>| id.and_then(|id| self.posts.get(&id)).map(|p| p.create_at);
        let wanted = |id: &Id| {
            !query.roots_only || self.posts.get(id).is_some_and(|post| post.root_id.is_none())
        };
        let (skip, take) = (query.page.saturating_mul(query.per_page), query.per_page);
        let newest_first = timeline.live.iter().rev();
        match &query.part {
            Part::After(anchor) => {
                let Some(time) = time_of(anchor) else { return Vec::new() };
                let later = timeline.live.iter().filter(|(at, ..)| *at > time);
                let ids = later.map(|(_, _, id)| *id).filter(wanted);
                let mut page: Vec<Id> = ids.skip(skip).take(take).collect();
                page.reverse();
                page
            }
            Part::Before(anchor) => {
                let Some(time) = time_of(anchor) else { return Vec::new() };
                let earlier = newest_first.filter(|(at, ..)| *at < time);
                earlier.map(|(_, _, id)| *id).filter(wanted).skip(skip).take(take).collect()
            }
            Part::Newest | Part::Since(_) => {
                newest_first.map(|(_, _, id)| *id).filter(wanted).skip(skip).take(take).collect()
            }
        }
    }

    /// Where the next page and the one before begin.
    fn neighbours(&self, channel: Id, query: &Query, order: &[Id]) -> (Option<Id>, Option<Id>) {
        let short = order.len() < query.per_page;
        let next = match query.part {
            Part::Before(anchor) if query.page == 0 => anchor,
            Part::After(_) if short => None,
            _ => order.first().and_then(|id| self.neighbour(channel, *id, true)),
        };
        let prev = match query.part {
            Part::After(anchor) if query.page == 0 => anchor,
            Part::Before(_) if short => None,
            _ => order.last().and_then(|id| self.neighbour(channel, *id, false)),
        };
        (next, prev)
    }

    fn neighbour(&self, channel: Id, id: Id, later: bool) -> Option<Id> {
        let time = self.posts.get(&id)?.create_at;
        let live = &self.timelines.get(&channel)?.live;
        if later {
            live.iter().find(|(at, ..)| *at > time).map(|(_, _, id)| *id)
        } else {
            live.iter().rev().find(|(at, ..)| *at < time).map(|(_, _, id)| *id)
        }
    }

    /// Adds the root of a post, and if wanted all replies to it.
    fn add_thread(&self, posts: &mut Map<String, Value>, post: &Post, replies: bool, count: bool) {
        let root = post.root_id.unwrap_or(post.id);
        let replies = self.replies.get(&root).filter(|_| replies);
        for id in std::iter::once(&root).chain(replies.into_iter().flatten()) {
            if !posts.contains_key(id.as_str())
                && let Ok(found) = self.post(*id)
            {
                posts.insert(id.to_string(), self.post_json(found, count, ""));
            }
        }
    }

    fn posts_since(&self, channel: Id, time: i64, skip_threads: bool) -> Value {
        let heap = self.timelines.get(&channel).map(|timeline| &timeline.heap);
        let rows = heap.into_iter().flat_map(|heap| heap.values());
        let changed: Vec<&Post> = rows
            .filter_map(|id| self.posts.get(id))
            .filter(|post| post.update_at > time)
            .take(SINCE_ROWS)
            .collect();
        let mut all = changed.clone();
        let roots = changed.iter().filter_map(|post| self.posts.get(&post.root_id?));
        all.extend(roots.filter(|root| root.update_at <= time));
        all.sort_by_key(|post| std::cmp::Reverse(post.create_at));
        all.dedup_by_key(|post| post.id);
        let mut order = Vec::new();
        let mut posts = Map::new();
        for post in all {
            if post.update_at > time {
                order.push(post.id);
            }
            posts.insert(post.id.to_string(), self.post_json(post, skip_threads, ""));
        }
        json!({ "order": order, "posts": posts, "next_post_id": "", "prev_post_id": "" })
    }

    /// A thread by any of its posts: the one asked for first, then all, or a page
    /// of it, so that one stands there twice. The one asked for is always there.
    pub(super) fn thread(&self, id: Id, page: &ThreadPage) -> Result<Value, ApiError> {
        let root = self.post(id)?.root_id.unwrap_or(id);
        self.post(root)?;
        let replies = self.replies.get(&root).into_iter().flatten();
        let all = std::iter::once(&root).chain(replies);
        let mut found: Vec<&Post> = all.filter_map(|id| self.post(*id).ok()).collect();
        found.retain(|post| page.holds(post));
        found.sort_by_key(|post| (post.create_at, post.id));
        if page.upward {
            found.reverse();
        }
        if page.per_page > 0 {
            found.truncate(page.per_page);
        }
        let order: Vec<Id> =
            std::iter::once(id).chain(found.into_iter().map(|post| post.id)).collect();
        let mut posts = Map::new();
        for id in &order {
            posts.insert(id.to_string(), self.post_json(self.post(*id)?, true, ""));
        }
        Ok(json!({ "order": order, "posts": posts, "next_post_id": "", "prev_post_id": "" }))
    }

    /// The last row that was inserted in a channel.
    pub(super) fn newest_row(&self, channel: Id) -> u64 {
        let live = self.timelines.get(&channel).into_iter().flat_map(|timeline| &timeline.live);
        live.map(|(_, inserted, _)| *inserted).max().unwrap_or(0)
    }

    /// How many posts were inserted after that row.
    pub(super) fn rows_after(&self, channel: Id, row: u64) -> usize {
        let live = self.timelines.get(&channel).into_iter().flat_map(|timeline| &timeline.live);
        live.filter(|(_, inserted, _)| *inserted > row).count()
    }

    /// Changes whenever anything in the channel's posts does.
    pub(super) fn posts_etag(&self, channel: Id) -> String {
        let heap = self.timelines.get(&channel).map(|timeline| &timeline.heap);
        let rows = heap.into_iter().flat_map(|heap| heap.values());
        let newest = rows.filter_map(|id| self.posts.get(id)).map(|post| post.update_at).max();
        format!("{}.{}", self.version.number(), newest.unwrap_or(0))
    }
}
