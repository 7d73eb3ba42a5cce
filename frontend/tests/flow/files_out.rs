//! Files of the agent's on their way to their person: after the answer, verified, and
//! none twice.

use std::time::Duration;

use gaggle_ipc::files::{Fate, FileRefusal};
use gaggle_ipc::session::{FromWorker, TurnEnd};
use gaggle_tests::mattermost::{Body, Fault, Id, Post, Requests, When};

use crate::fake::{Asked, Did};
use crate::world::World;

impl Asked {
    /// A whole answer of an agent that left something in its outbox.
    pub(crate) fn answer_with_files(&self, text: &str) {
        let (thread, turn) = (self.thread, self.turn);
        self.ready().say(text).word(FromWorker::OutboxFilled { thread, turn });
        self.end(TurnEnd::Complete);
    }
}

impl World {
    /// The bot's posts with files in a thread: each file's name and content.
    fn files_in(&self, root: Id) -> Vec<(String, Vec<u8>)> {
        let posts = self.sim.thread(root);
        let own = posts.iter().filter(|post| post.user_id == self.bot.id);
        own.flat_map(|post| &post.file_ids).filter_map(|id| self.sim.file(*id)).collect()
    }

    async fn brings(&self, root: Id, words: &str) -> Post {
        self.answer(root, |post| post.message.contains(words)).await
    }

    /// Waits until so much was moved aside.
    async fn moved(&self, count: usize) -> Vec<(String, Fate)> {
        for _ in 0..2000 {
            let aside = self.supervisor.shelf.aside();
            if aside.len() >= count {
                return aside;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?} is all that was moved aside", self.supervisor.shelf.aside());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_outbox_comes_after_the_answer_and_is_moved_aside() {
    let mut world = World::new().await;
    let large = vec![3; 300_000];
    world.supervisor.shelf.put("report.pdf", Ok(&large));
    world.supervisor.shelf.put("empty", Ok(b""));
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("here it is");
    let post = world.brings(root, "report.pdf").await;
    assert_eq!(post.message, "📎 `report.pdf` (293 KiB)\n📎 `empty` (0 bytes)");
    let files = world.files_in(root);
    assert_eq!(files, [("report.pdf".to_owned(), large), ("empty".to_owned(), Vec::new())]);
    let texts = world.texts(root);
    assert!(texts[0].starts_with("here it is") && texts.len() == 2, "{texts:?}");
    let aside = world.moved(2).await;
    assert_eq!(
        aside,
        [("report.pdf", Fate::Sent), ("empty", Fate::Sent)].map(|(n, f)| (n.to_owned(), f))
    );
    // The next answer brings nothing again.
    world.sim.reply(world.alice.id, root, "@goosebot thanks").unwrap();
    world.supervisor.asked().await.answer_with_files("welcome");
    world.says(root, "welcome").await;
    world.settle().await;
    assert_eq!(world.files_in(root).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_named_with_its_reason_and_moved_aside() {
    let mut world = World::prepare().await;
    world.toml("[files]\nmax_size_mib = 1\nmax_count = 1");
    world.start().await;
    world.reading().await;
    let large = vec![3; 1024 * 1024 + 1];
    for (name, content) in [
        ("../`x`\u{202e}.txt", Ok(&b"ok"[..])),
        ("link", Err(FileRefusal::Link)),
        ("pipe", Err(FileRefusal::NotFile)),
        ("large.bin", Ok(&large)),
        ("second.txt", Ok(b"x")),
    ] {
        world.supervisor.shelf.put(name, content);
    }
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    let post = world.brings(root, "📎").await;
    for line in [
        "⚠️ `link` was not sent: it is a link, or lies behind one or outside of the workspace.",
        "⚠️ `pipe` was not sent: it is no file;",
        "⚠️ `second.txt` was not sent: at most 1 files go at a time.",
        "⚠️ `large.bin` was not sent:",
    ] {
        assert!(post.message.contains(line), "{line:?} is not in {:?}", post.message);
    }
    assert_eq!(world.files_in(root).len(), 1);
    assert!(!world.files_in(root)[0].0.contains(['/', '\u{202e}']));
    let fates = world.moved(5).await;
    let sent = fates.iter().filter(|(_, fate)| *fate == Fate::Sent).count();
    assert_eq!((sent, fates.len()), (1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_mattermost_did_not_attach_is_told() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    world.sim.inject(Fault::LoseFiles { count: 1 });
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    world.says(root, "⚠️ `a.txt` was not sent: Mattermost did not attach it.").await;
    assert_eq!(world.moved(1).await, [("a.txt".to_owned(), Fate::NotSent)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_answer_was_lost_is_not_made_twice() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    let root = world.ask("write it");
    let asked = world.supervisor.asked().await;
    asked.ready().say("done");
    world.answer(root, |post| post.message.starts_with("done")).await;
    world
        .sim
        .inject(Fault::Drop { requests: Requests::next(4, "POST", "/posts"), when: When::After });
    let (thread, turn) = (asked.thread, asked.turn);
    asked.word(FromWorker::OutboxFilled { thread, turn });
    asked.end(TurnEnd::Complete);
    assert_eq!(world.moved(1).await, [("a.txt".to_owned(), Fate::Sent)]);
    let brought = world.texts(root).iter().filter(|text| text.contains("📎")).count();
    assert_eq!((brought, world.files_in(root).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_the_post_loses_nothing() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    world.sim.inject(Fault::Fail {
        requests: Requests::next(100, "POST", "/files"),
        status: 503,
        body: Body::Html,
        when: When::Before,
    });
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    world.says(root, "done").await;
    world.kill();
    world.sim.clear_faults();
    assert!(world.files_in(root).is_empty());
    world.start().await;
    world.brings(root, "📎 `a.txt`").await;
    world.moved(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_post_and_the_move_doubles_nothing() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    world.supervisor.shelf.stick(true);
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    world.brings(root, "📎 `a.txt`").await;
    world.kill();
    world.supervisor.shelf.stick(false);
    world.start().await;
    world.moved(1).await;
    world.reading().await;
    assert_eq!(world.files_in(root).len(), 1);
    // Changed, it is another file.
    world.supervisor.shelf.put("a.txt", Ok(b"y"));
    world.sim.reply(world.alice.id, root, "@goosebot again").unwrap();
    world.supervisor.asked().await.answer_with_files("done again");
    world.moved(2).await;
    assert_eq!(world.files_in(root).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_moved_is_not_sent_again_with_the_next_answer() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    world.supervisor.shelf.stick(true);
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    world.brings(root, "📎 `a.txt`").await;
    world.sim.reply(world.alice.id, root, "@goosebot more").unwrap();
    let asked = world.supervisor.asked().await;
    world.supervisor.shelf.stick(false);
    asked.answer_with_files("more");
    world.moved(1).await;
    assert_eq!(world.files_in(root).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_turn_sends_nothing_and_the_next_one_does() {
    let mut world = World::new().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    let root = world.ask("write it");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    let (thread, turn) = (asked.thread, asked.turn);
    asked.word(FromWorker::OutboxFilled { thread, turn });
    asked.end(TurnEnd::Cancelled);
    world.says(root, "half\n\n🛑 Stopped.").await;
    world.sim.reply(world.alice.id, root, "@goosebot go on").unwrap();
    let next = world.supervisor.asked().await;
    assert!(world.files_in(root).is_empty());
    next.answer_with_files("whole");
    world.brings(root, "📎 `a.txt`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nothing_is_sent() {
    let mut world = World::prepare().await;
    world.toml("[files]\nsend = false");
    world.start().await;
    world.reading().await;
    world.supervisor.shelf.put("a.txt", Ok(b"x"));
    let root = world.ask("write it");
    world.supervisor.asked().await.answer_with_files("done");
    world.says(root, "done").await;
    let get = world.ask("!get a.txt");
    world.says(get, "⚠️ `a.txt` was not sent: your admin has switched that off.").await;
    world.settle().await;
    assert!(world.files_in(root).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn get_sends_a_file_of_the_workspace_where_it_was_asked_for() {
    let mut world = World::new().await;
    world.supervisor.shelf.put_in_workspace("src/my file.rs", b"fn main() {}");
    let get = world.ask("!get src/my file.rs");
    world.says(get, "📎 `my file.rs` (12 bytes)").await;
    let files = world.files_in(get);
    assert_eq!(files, [("my file.rs".to_owned(), b"fn main() {}".to_vec())]);
    let none = world.ask("!get none");
    world.says(none, "⚠️ `none` was not sent: there is no such file.").await;
    let which = world.ask("!get");
    world.answer(which, |post| post.message.contains("!get PATH")).await;
    // While a turn runs, too.
    let root = world.ask("long");
    let asked = world.supervisor.asked().await;
    asked.ready();
    let get = world.ask("!get src/my file.rs");
    world.says(get, "📎 `my file.rs` (12 bytes)").await;
    asked.say("done").end(TurnEnd::Complete);
    world.says(root, "done").await;
}
