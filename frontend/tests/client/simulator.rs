//! Every call against the simulator in each version it plays, and what it
//! refuses as real servers do.

use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_frontend::mattermost::{
    ChannelKind, Client, Emoji, Error, NewPost, PageQuery, PendingPostId, PostPatch, PostRef,
};
use gaggle_ipc::MattermostId;
use gaggle_tests::mattermost::{
    Account, Body, Fault, Id, Options, Requests, Simulator, Version, Visibility, When,
};
use serde_json::Map;

use crate::settings;

fn real(id: Id) -> MattermostId {
    MattermostId::new(id.as_str()).unwrap()
}

/// A server with a team, a channel, a person and the bot.
struct World {
    simulator: Simulator,
    channel: Id,
    alice: Account,
    bot: Account,
    client: Client,
}

async fn world(version: Version) -> World {
    let simulator = Simulator::start(Options { version, ..Options::default() }).await.unwrap();
    let (alice, bot) =
        (simulator.create_user("alice").unwrap(), simulator.create_bot("goose").unwrap());
    let team = simulator.create_team("team").unwrap();
    for user in [alice.id, bot.id] {
        simulator.add_to_team(team, user).unwrap();
    }
    let channel = simulator.create_channel(team, "room", Visibility::Private).unwrap();
    for user in [alice.id, bot.id] {
        simulator.add_to_channel(channel, user).unwrap();
    }
    let mut settings = settings(&format!("{}/", simulator.url()));
    settings.token = bot.token.clone().into();
    let client = Client::new(&settings).unwrap();
    World { simulator, channel, alice, bot, client }
}

fn answer(channel: Id, root: Option<Id>) -> NewPost {
    NewPost {
        channel: real(channel),
        root: root.map(real),
        message: "answer".to_owned(),
        props: Map::new(),
        files: Vec::new(),
        pending_post_id: PendingPostId::new(),
    }
}

#[tokio::test]
async fn people_and_channels() {
    for version in Version::ALL {
        let w = world(version).await;
        w.client.ping().await.unwrap();
        let me = w.client.me().await.unwrap();
        assert_eq!((me.id, me.is_bot), (real(w.bot.id), true));
        let alice = w.client.user(real(w.alice.id)).await.unwrap();
        assert_eq!((alice.username.as_str(), alice.is_bot), ("alice", false));
        let names = ["alice".to_owned(), "nobody".to_owned()];
        assert_eq!(w.client.users_by_usernames(&names).await.unwrap(), vec![alice.clone()]);
        assert_eq!(w.client.users_by_ids(&[alice.id]).await.unwrap(), vec![alice.clone()]);

        let direct = w.client.direct_channel(me.id, alice.id).await.unwrap();
        assert_eq!((direct.kind, direct.team), (ChannelKind::Direct, None));
        let list = w.client.channels(true).await.unwrap().unwrap().channels;
        assert!(list.iter().any(|one| one.id == direct.id));
        assert!(list.iter().any(|one| one.id == real(w.channel)));
        assert_eq!(w.client.channel(direct.id).await.unwrap().kind, ChannelKind::Direct);
        let member = w.client.channel_member(direct.id, alice.id).await.unwrap();
        assert_eq!(member.user, alice.id);
        let nobody = w.client.user(real(w.channel)).await;
        assert!(matches!(nobody, Err(Error::NotFound { .. })), "{version:?}: {nobody:?}");
    }
}

#[tokio::test]
async fn posts_and_reactions() {
    for version in Version::ALL {
        let w = world(version).await;
        let asked = w.simulator.post(w.alice.id, w.channel, "hello @goose").unwrap();
        // "After" a post leaves out those of its very millisecond.
        let asked_at = w.simulator.get(asked).unwrap().create_at;
        while SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() <= asked_at as u128
        {
            tokio::task::yield_now().await;
        }
        let made = w.client.create_post(&answer(w.channel, Some(asked))).await.unwrap();
        assert_eq!((made.root, made.from_bot()), (Some(real(asked)), true));
        let patch = PostPatch { message: Some("better".to_owned()), props: None };
        let patched = w.client.patch_post(made.id, &patch).await.unwrap();
        assert_eq!((patched.message.as_str(), patched.from_bot()), ("better", true));
        assert_eq!(w.client.post(made.id).await.unwrap().message, "better");
        let place = (real(w.channel), Some(real(asked)));
        let thread = w.client.thread_after(place, real(asked)).await.unwrap();
        assert_eq!(thread.iter().map(|p| p.id).collect::<Vec<_>>(), [real(asked), made.id]);
        let query = PageQuery { after: Some(real(asked)), per_page: 10, ..PageQuery::default() };
        let page = w.client.posts_page(real(w.channel), query).await.unwrap();
        assert_eq!(page.posts.iter().map(|p| p.id).collect::<Vec<_>>(), [made.id]);
        assert!(!page.more);

        w.client.typing(real(w.channel), Some(real(asked))).await.unwrap();
        w.client.add_reaction(real(asked), Emoji::new("+1")).await.unwrap();
        let reactions = w.client.reactions(real(asked)).await.unwrap();
        assert_eq!((reactions[0].user, reactions[0].emoji.as_str()), (real(w.bot.id), "+1"));
        w.client.remove_reaction(real(asked), Emoji::new("+1")).await.unwrap();
        assert!(w.client.reactions(real(asked)).await.unwrap().is_empty());

        w.client.delete_post(made.id).await.unwrap();
        assert!(matches!(w.client.post(made.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(w.client.delete_post(real(asked)).await, Err(Error::Forbidden { .. })));
    }
}

#[tokio::test]
async fn a_long_thread_is_read_in_parts_from_either_end() {
    for version in Version::ALL {
        let w = world(version).await;
        let root = w.simulator.post(w.alice.id, w.channel, "root").unwrap();
        let reply = |text: &str| w.simulator.reply(w.alice.id, root, text).unwrap();
        let early: Vec<_> = (0..500).map(|_| reply(&"x".repeat(9000))).collect();
        // Pages leave out the very millisecond of the post they are counted from.
        let create_at = w.simulator.get(early[499]).unwrap().create_at + 1;
        let message = "asked".to_owned();
        let new = gaggle_tests::mattermost::NewPost {
            message,
            root: Some(root),
            create_at: Some(create_at),
            ..gaggle_tests::mattermost::NewPost::default()
        };
        let asked = w.simulator.post_with(w.alice.id, w.channel, new).unwrap();
        let asked = PostRef { post: real(asked), channel: real(w.channel), create_at };
        let late = reply("late");
        let before = w.client.thread_before(real(root), asked, 90_000).await.unwrap();
        let ids: Vec<_> = before.posts.iter().map(|post| post.id).collect();
        assert!(before.more && (10..=201).contains(&ids.len()), "{version:?} {}", ids.len());
        let newest = before.posts.last().unwrap().create_at;
        assert!(ids[0] == real(root) && newest >= create_at - 1, "{version:?}");
        assert!(ids.contains(&real(early[495])) && !ids.contains(&asked.post), "{version:?}");
        // The post that asked may be gone by then.
        w.simulator.delete(w.alice.id, early[0]).unwrap();
        let place = (real(w.channel), Some(real(root)));
        let after = w.client.thread_after(place, real(early[0])).await.unwrap();
        for wanted in [early[1], late] {
            assert!(after.iter().any(|post| post.id == real(wanted)), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_created_post_whose_answer_was_lost_is_there_once() {
    let w = world(Version::V10).await;
    for when in [When::Before, When::After] {
        let before = w.simulator.posts(w.channel).len();
        let requests = Requests::next(1, "POST", "/posts");
        w.simulator.inject(Fault::Drop { requests, when });
        w.client.create_post(&answer(w.channel, None)).await.unwrap();
        let requests = Requests::next(1, "POST", "/posts");
        let body = Body::Html;
        w.simulator.inject(Fault::Fail { requests, status: 502, body, when });
        w.client.create_post(&answer(w.channel, None)).await.unwrap();
        assert_eq!(w.simulator.posts(w.channel).len(), before + 2, "{when:?}");
    }
}

#[tokio::test]
async fn what_is_too_long_is_told_and_not_stored() {
    let w = world(Version::V5_37).await;
    let before = w.simulator.posts(w.channel).len();
    let mut long = answer(w.channel, None);
    long.message = "ä".repeat(16_384);
    assert!(matches!(w.client.create_post(&long).await, Err(Error::TooLong { .. })));
    let mut wide = answer(w.channel, None);
    wide.props.insert("x".to_owned(), "y".repeat(8_000).into());
    assert!(matches!(w.client.create_post(&wide).await, Err(Error::TooLong { .. })));
    assert_eq!(w.simulator.posts(w.channel).len(), before);
    let mut most = answer(w.channel, None);
    most.message = "ä".repeat(16_383);
    w.client.create_post(&most).await.unwrap();
}

#[tokio::test]
async fn a_limited_server_is_asked_no_faster_than_it_allows() {
    let w = world(Version::V10).await;
    w.simulator.inject(Fault::RateLimit { per_second: 10, burst: 3 });
    let calls = (0..15).map(|_| w.client.user(real(w.alice.id)));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
