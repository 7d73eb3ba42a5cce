//! Files that people attach: brought, told by name when they are not, never in the way
//! of the turn.

use gaggle_ipc::files::FileRefusal;
use gaggle_tests::mattermost::{Body, Content, Fault, Id, NewPost, Requests, When};

use crate::world::World;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";

impl World {
    /// Alice asks in her direct channel, with files.
    pub(crate) fn ask_with(&self, text: &str, files: &[(&str, &[u8])]) -> Id {
        let channel = self.direct();
        let upload = |(name, content): &(&str, &[u8])| {
            self.sim.upload(self.alice.id, channel, name, content).unwrap()
        };
        let files = files.iter().map(upload).collect();
        let message = text.to_owned();
        let new = NewPost { message, files, ..NewPost::default() };
        self.sim.post_with(self.alice.id, channel, new).unwrap()
    }

    fn spoil(&self, content: Content) {
        self.sim.inject(Fault::BadContent { requests: content_of_a_file(), content });
    }
}

fn content_of_a_file() -> Requests {
    Requests::next(1, "GET", "/files/*")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_stored_and_the_prompt_names_it() {
    let mut world = World::new().await;
    let large = vec![7; 400_000];
    let root = world.ask_with("look", &[("big.bin", &large), ("notes.txt", b"one\ntwo\n")]);
    let asked = world.supervisor.asked().await;
    let stored = world.supervisor.shelf.stored();
    assert_eq!(stored[0], ("big.bin".to_owned(), large));
    assert_eq!(stored[1], ("notes.txt".to_owned(), b"one\ntwo\n".to_vec()));
    assert!(asked.text.starts_with("look\n\n"), "{}", asked.text);
    for part in [
        "\n- \"inbox/t/big.bin\" (391 KiB)",
        "\n- \"inbox/t/notes.txt\" (8 bytes, quoted below)",
        "notes.txt\", quoted from the file:\n~~~~\none\ntwo\n~~~~",
    ] {
        assert!(asked.text.contains(part), "{part:?} is not in {:?}", asked.text);
    }
    asked.answer("seen");
    world.says(root, "seen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_with_nothing_but_an_image_is_a_prompt_with_it() {
    let mut world = World::new().await;
    world.ask_with("", &[("holiday.txt", PNG)]);
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.images, ["holiday.txt"], "by its bytes, not by its name");
    assert!(asked.text.starts_with("(The message has no text."), "{}", asked.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_vision_or_over_the_limit_an_image_is_a_file_with_a_word() {
    let mut world = World::prepare().await;
    world.toml("[goose]\nvision = false");
    world.start().await;
    world.reading().await;
    let root = world.ask_with("look", &[("cat.png", PNG)]);
    let asked = world.supervisor.asked().await;
    assert!(asked.images.is_empty() && asked.text.contains("/cat.png\" ("));
    asked.answer("a file");
    let post = world.answer(root, |post| post.message.ends_with("a file")).await;
    assert!(post.message.contains("`cat.png` is there as a file"), "{}", post.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_that_is_not_taken_is_named_with_its_reason_and_the_turn_goes_on() {
    let mut world = World::prepare().await;
    world.toml("[files]\nmax_size_mib = 1\nmax_total_mib = 2\nmax_count = 3");
    world.start().await;
    world.reading().await;
    let (large, half) = (vec![1; 1024 * 1024 + 1], vec![1; 1024 * 1024]);
    let files: &[(&str, &[u8])] =
        &[("large.bin", &large), ("half.bin", &half), ("gone.txt", b"x"), ("fourth.txt", b"x")];
    world.sim.inject(Fault::Fail {
        requests: Requests::next(1, "GET", "/files/*"),
        status: 403,
        body: Body::Json,
        when: When::Before,
    });
    let root = world.ask_with("look", files);
    let asked = world.supervisor.asked().await;
    asked.answer("the rest");
    let post = world.answer(root, |post| post.message.ends_with("the rest")).await;
    for line in [
        "⚠️ `large.bin` was not taken: it is larger than 1 MiB.",
        "⚠️ `half.bin` was not taken: I may not do that in this channel.",
        "⚠️ `fourth.txt` was not taken: at most 3 files go at a time.",
    ] {
        assert!(post.message.contains(line), "{line:?} is not in {:?}", post.message);
    }
    let stored: Vec<_> =
        world.supervisor.shelf.stored().into_iter().map(|(name, _)| name).collect();
    assert_eq!(stored, ["gone.txt"]);
    assert!(asked.text.contains("\n- large.bin: did not arrive"), "{}", asked.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn m22_a_body_without_end_or_of_another_length_is_refused() {
    let mut world = World::new().await;
    for (content, reason) in [
        (Content::Endless, "not as long as Mattermost says"),
        (Content::Long, "not as long as Mattermost says"),
        (Content::Short, "not as long as Mattermost says"),
    ] {
        world.spoil(content);
        let root = world.ask_with("look", &[("a.bin", &[1; 100_000])]);
        let asked = world.supervisor.asked().await;
        asked.answer("went on");
        let post = world.answer(root, |post| post.message.ends_with("went on")).await;
        assert!(post.message.contains("`a.bin` was not taken"), "{content:?}: {}", post.message);
        assert!(post.message.contains(reason), "{content:?}: {}", post.message);
    }
    assert!(world.supervisor.shelf.stored().is_empty());
    assert_eq!(world.supervisor.shelf.under_way(), 0, "given up in the workspace too");
}

#[tokio::test(flavor = "multi_thread")]
async fn m24_a_file_that_is_said_to_lie_elsewhere_is_not_fetched_from_there() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let local = format!("http://{}/secret", elsewhere.local_addr().unwrap());
    let mut world = World::new().await;
    for to in [local.as_str(), "http://169.254.169.254/latest/meta-data"] {
        world.sim.inject(Fault::Redirect { requests: content_of_a_file(), to: to.to_owned() });
        let root = world.ask_with("look", &[("a.txt", b"x")]);
        let asked = world.supervisor.asked().await;
        asked.answer("went on");
        let post = world.answer(root, |post| post.message.ends_with("went on")).await;
        assert!(post.message.contains("`a.txt` was not taken"), "{}", post.message);
    }
    assert!(elsewhere.accept().is_err(), "somebody came");
    assert!(world.supervisor.shelf.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_once_is_fetched_again() {
    let mut world = World::new().await;
    world.spoil(Content::Broken);
    world.ask_with("look", &[("a.bin", &[1; 100_000])]);
    world.supervisor.asked().await;
    let stored = world.supervisor.shelf.stored();
    assert_eq!(stored, [("a.bin".to_owned(), vec![1; 100_000])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_a_quota_and_a_planted_link_are_told_as_what_they_are() {
    let mut world = World::new().await;
    for (why, words) in [
        (FileRefusal::Quota, "your account's disk quota is used up"),
        (FileRefusal::NoSpace, "there is no space left on the disk"),
        (FileRefusal::Link, "a link or somebody else's folder stands in the way"),
    ] {
        world.supervisor.shelf.refuse_next(why);
        let root = world.ask_with("look", &[("a.txt", b"x"), ("b.txt", b"y")]);
        let asked = world.supervisor.asked().await;
        asked.answer("went on");
        let post = world.answer(root, |post| post.message.ends_with("went on")).await;
        assert!(post.message.contains("`a.txt` was not taken") && post.message.contains(words));
        assert!(asked.text.contains("/b.txt\" ("), "the other one arrived");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn if_nothing_is_left_goose_is_not_asked() {
    let mut world = World::new().await;
    world.sim.inject(Fault::Fail {
        requests: Requests::next(1, "GET", "/files/*/info"),
        status: 404,
        body: Body::Json,
        when: When::Before,
    });
    let root = world.ask_with("", &[("a.txt", b"x")]);
    let post = world.answer(root, |post| post.message.contains("nothing for me to work on")).await;
    assert!(post.message.contains("was not taken: it was deleted"), "{}", post.message);
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_each_file_is_named_and_the_text_is_answered() {
    let mut world = World::prepare().await;
    world.toml("[files]\nreceive = false");
    world.start().await;
    world.reading().await;
    let root = world.ask_with("look", &[("a.txt", b"x")]);
    world.supervisor.asked().await.answer("went on");
    let post = world.answer(root, |post| post.message.ends_with("went on")).await;
    assert!(post.message.contains("`a.txt` was not taken: your admin has switched that off."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_stopped_while_its_files_come_gives_them_up() {
    let world = World::new().await;
    let slow = Requests::next(1, "GET", "/files/*");
    world.sim.inject(Fault::Slow { requests: slow, millis: 60_000 });
    let root = world.ask_with("look", &[("a.txt", b"x")]);
    world.answer(root, |post| post.message.starts_with("Thinking")).await;
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    world.says(root, "🛑 Stopped before it began.").await;
    assert!(world.supervisor.shelf.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_before_the_prompt_the_files_are_fetched_again() {
    let mut world = World::new().await;
    world.supervisor.hold(true);
    world.ask_with("look", &[("a.txt", b"x")]);
    world.answer_begins().await;
    world.kill();
    world.supervisor.hold(false);
    world.start().await;
    let asked = world.supervisor.asked().await;
    assert!(asked.text.contains("/a.txt\" ("), "{}", asked.text);
}
