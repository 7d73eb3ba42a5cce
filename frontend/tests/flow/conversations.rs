//! Which conversation goes on where: `!new`, `!sessions`, `!resume`, and direct
//! messages that are all one.

use std::time::Duration;

use gaggle_ipc::session::{Before, FromWorker, PermissionChoice, TurnEnd};
use gaggle_ipc::{Text, ThreadId};
use gaggle_tests::mattermost::{Id, Post};

use crate::fake::{Asked, Did};
use crate::world::World;

const LONGEST: Duration = Duration::from_secs(20);

async fn begun(world: &mut World, text: &str) -> (Id, Asked) {
    let root = world.ask(text);
    let asked = world.supervisor.asked().await;
    asked.answer(&format!("to {text}"));
    world.says(root, &format!("to {text}")).await;
    (root, asked)
}

fn reply(world: &World, root: Id, text: &str) -> Id {
    world.sim.reply(world.alice.id, root, &format!("@goosebot {text}")).unwrap()
}

fn thread(root: Id) -> ThreadId {
    ThreadId::new(root.as_str()).unwrap()
}

fn resumed(asked: &Asked) -> Option<&str> {
    asked.resume.as_ref().map(|session| session.as_str())
}

/// The session that the fake worker has for a turn.
fn session_of(asked: &Asked) -> String {
    resumed(asked).map_or_else(|| format!("s_{}", asked.turn.0), str::to_owned)
}

/// The worker is told to let go of the thread.
async fn closed(world: &mut World, root: Id) {
    let did = world.supervisor.next().await;
    assert!(matches!(did, Did::Closed(closed) if closed == thread(root)), "{did:?}");
}

/// A post of the bot's that is in no thread.
async fn at_root(world: &World, channel: Id, wanted: impl Fn(&Post) -> bool) -> Post {
    let bot = world.bot.id;
    let found = world.sim.wait_for_post(channel, LONGEST, |post| {
        post.user_id == bot && post.root_id.is_none() && wanted(post)
    });
    found.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn anew_is_from_the_next_message_on() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    one.ready();
    reply(&world, root, "two");
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    reply(&world, root, "!new");
    world.answer(root, |post| post.message.starts_with("Your next message here begins")).await;
    reply(&world, root, "three");
    one.say("to one").end(TurnEnd::Complete);
    // What waited was asked of the conversation that was.
    let two = world.supervisor.asked().await;
    assert_eq!((two.text.as_str(), resumed(&two)), ("two", Some(session_of(&one).as_str())));
    two.end(TurnEnd::Cancelled);
    closed(&mut world, root).await;
    let three = world.supervisor.asked().await;
    assert_eq!((three.text.as_str(), resumed(&three)), ("three", None));
    assert_eq!(three.before, Before::Complete, "what was cut short was another conversation");
    three.answer("to three");
    world.says(root, "to three").await;
    reply(&world, root, "four");
    let four = world.supervisor.asked().await;
    assert_eq!(resumed(&four), Some(session_of(&three).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn anew_with_words_begins_with_them() {
    let mut world = World::new().await;
    let (root, _) = begun(&mut world, "one").await;
    reply(&world, root, "!new fix the\n\ntests");
    closed(&mut world, root).await;
    let anew = world.supervisor.asked().await;
    assert_eq!((anew.text.as_str(), resumed(&anew)), ("fix the\n\ntests", None));
    anew.answer("fixed");
    world.says(root, "fixed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_each_message_begins_a_conversation_there_is_nothing_to_begin() {
    let world = World::new().await;
    let root = world.ask("!new");
    world.answer(root, |post| post.message.contains("just write")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_conversations_are_listed_for_oneself() {
    let mut world = World::new().await;
    let none = world.ask("!sessions");
    world.says(none, "I sent it to you in a direct message.").await;
    at_root(&world, world.direct(), |post| post.message.contains("no conversations")).await;
    let all = world.ask("fix the build @all");
    world.supervisor.asked().await.answer("fixed");
    world.says(all, "fixed").await;
    let (root, _) = begun(&mut world, "write a poem").await;
    reply(&world, root, "!new about geese");
    closed(&mut world, root).await;
    world.supervisor.asked().await.answer("honk");
    world.says(root, "honk").await;
    world.sim.post(world.bob.id, world.channel, "@goosebot bob's secret").unwrap();
    world.supervisor.asked().await.answer("hush");
    let direct = world.direct();
    world.sim.post(world.alice.id, direct, "!sessions").unwrap();
    let list = world.sim.wait_for_post(direct, LONGEST, |post| {
        post.user_id == world.bot.id && post.message.contains("**3**")
    });
    let list = list.await.unwrap().message;
    let lines: Vec<_> = list.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("- **3** · `about geese` · `team/"), "{list}");
    assert!(lines[0].ends_with("just now · live"), "{list}");
    assert!(lines[1].contains("**2** · `write a poem`") && !lines[1].contains("live"), "{list}");
    assert!(lines[2].contains("**1** · `fix the build @all`"), "{list}");
    assert!(!list.contains("secret"), "somebody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_elsewhere_and_its_old_thread_says_so() {
    let mut world = World::new().await;
    let (old, first) = begun(&mut world, "one").await;
    let session = session_of(&first);
    let new = world.ask("!resume 1");
    let told = world.answer(new, |post| post.message.starts_with("Conversation 1 goes on")).await;
    assert!(told.message.contains("Reply here"), "{}", told.message);
    closed(&mut world, old).await;
    reply(&world, new, "two");
    closed(&mut world, new).await;
    closed(&mut world, old).await;
    let two = world.supervisor.asked().await;
    assert_eq!((two.thread, resumed(&two)), (thread(new), Some(session.as_str())));
    assert_eq!(two.before, Before::Complete);
    two.ready().say("half");
    world.answer(new, |post| post.message.starts_with("half")).await;
    reply(&world, new, "!stop");
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    two.end(TurnEnd::Cancelled);
    world.says(new, "half\n\n🛑 Stopped.").await;
    // Without a mention: the bot answers there.
    world.sim.reply(world.alice.id, old, "still here?").unwrap();
    closed(&mut world, old).await;
    let here = world.supervisor.asked().await;
    assert_eq!((here.thread, resumed(&here)), (thread(old), None));
    here.answer("anew");
    let said = world.answer(old, |post| post.message.ends_with("anew")).await;
    assert!(said.message.contains("`!resume 1` takes it back"), "{}", said.message);
    // And it can be taken back.
    reply(&world, old, "!resume 1");
    world.answer(old, |post| post.message.starts_with("Conversation 1 goes on here")).await;
    closed(&mut world, new).await;
    reply(&world, old, "back");
    closed(&mut world, old).await;
    closed(&mut world, new).await;
    let back = world.supervisor.asked().await;
    assert_eq!((back.thread, resumed(&back)), (thread(old), Some(session.as_str())));
    assert_eq!(back.before, Before::Interrupted, "it was cut short elsewhere");
    back.answer("to back");
    let said = world.answer(old, |post| post.message.ends_with("to back")).await;
    assert_eq!(said.message, "to back", "nothing more to be told");
}

#[tokio::test(flavor = "multi_thread")]
async fn m41_nobody_goes_on_with_somebody_elses_conversation() {
    let mut world = World::new().await;
    let (root, _) = begun(&mut world, "alice's own").await;
    for number in ["1", "2"] {
        let asked = format!("@goosebot !resume {number}");
        let bobs = world.sim.post(world.bob.id, world.channel, &asked).unwrap();
        let told = format!("You have no conversation {number}.");
        world.answer(bobs, |post| post.message.starts_with(&told)).await;
    }
    // In her thread neither: his numbers are his own.
    world.sim.reply(world.bob.id, root, "@goosebot !resume 1").unwrap();
    world.answer(root, |post| post.message.starts_with("You have no conversation 1.")).await;
    world.sim.reply(world.bob.id, root, "@goosebot hello").unwrap();
    let bobs = world.supervisor.asked().await;
    assert_eq!((bobs.user, resumed(&bobs)), (crate::world::user(&world.bob), None));
    bobs.answer("hi");
    // The control: she does.
    reply(&world, root, "more");
    let hers = world.supervisor.asked().await;
    assert!(resumed(&hers).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_work_stays_where_it_is() {
    let mut world = World::new().await;
    let (old, _) = begun(&mut world, "one").await;
    reply(&world, old, "long");
    let long = world.supervisor.asked().await;
    long.ready();
    let elsewhere = world.ask("!resume 1");
    world.answer(elsewhere, |post| post.message.contains("at work in its own thread")).await;
    reply(&world, old, "!resume 1");
    world.answer(old, |post| post.message.contains("goes on here.")).await;
    long.say("done").end(TurnEnd::Complete);
    world.says(old, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_message_can_be_one_conversation() {
    let mut world = World::prepare().await;
    world.toml("dm_conversation = \"continuous\"");
    world.start().await;
    world.reading().await;
    let direct = world.direct();
    let say = |world: &World, text: &str| world.sim.post(world.alice.id, direct, text).unwrap();
    say(&world, "one");
    let one = world.supervisor.asked().await;
    one.ready();
    say(&world, "two");
    at_root(&world, direct, |post| post.message.starts_with("Queued")).await;
    one.say("to one").end(TurnEnd::Complete);
    at_root(&world, direct, |post| post.message == "to one").await;
    let two = world.supervisor.asked().await;
    assert_eq!((two.thread, two.text.as_str()), (one.thread, "two"));
    assert_eq!(resumed(&two), Some(session_of(&one).as_str()));
    two.ready();
    // Stopped by the word alone.
    say(&world, "!stop");
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    two.end(TurnEnd::Cancelled);
    at_root(&world, direct, |post| post.message == "🛑 Stopped.").await;
    // A thread in it is a conversation of its own.
    let aside = say(&world, "three");
    world.supervisor.asked().await.answer("to three");
    at_root(&world, direct, |post| post.message == "to three").await;
    world.sim.reply(world.alice.id, aside, "aside").unwrap();
    let in_thread = world.supervisor.asked().await;
    assert_eq!((in_thread.thread, resumed(&in_thread)), (thread(aside), None));
    in_thread.answer("to aside");
    world.says(aside, "to aside").await;
    say(&world, "!new");
    at_root(&world, direct, |post| post.message.contains("begins a new conversation")).await;
    say(&world, "four");
    let did = world.supervisor.next().await;
    assert!(matches!(did, Did::Closed(closed) if closed == one.thread), "{did:?}");
    let four = world.supervisor.asked().await;
    assert_eq!((four.thread, resumed(&four)), (one.thread, None));
    four.answer("to four");
    at_root(&world, direct, |post| post.message == "to four").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goose_asks_there_is_asked_and_answered_there() {
    let mut world = World::prepare().await;
    world.toml("dm_conversation = \"continuous\"");
    world.start().await;
    world.reading().await;
    let direct = world.direct();
    world.sim.post(world.alice.id, direct, "one").unwrap();
    let one = world.supervisor.asked().await;
    let wants = |ask: u32, command: &str| FromWorker::PermissionAsk {
        thread: one.thread,
        turn: one.turn,
        ask,
        name: Text::lossy("shell"),
        title: Text::lossy("shell"),
        detail: Text::lossy(command),
    };
    one.ready().word(wants(1, "make"));
    let question = at_root(&world, direct, |post| post.message.contains("\nmake\n")).await;
    world.sim.react(world.alice.id, question.id, "+1").unwrap();
    let did = world.supervisor.next().await;
    assert!(matches!(did, Did::Replied(PermissionChoice::Allow)), "{did:?}");
    at_root(&world, direct, |post| post.message.ends_with("👍 Allowed, this once.")).await;
    one.word(wants(2, "make install"));
    at_root(&world, direct, |post| post.message.contains("\nmake install\n")).await;
    // Without a name, as in a thread: it is the one of this conversation.
    world.sim.post(world.alice.id, direct, "!deny").unwrap();
    let did = world.supervisor.next().await;
    assert!(matches!(did, Did::Replied(PermissionChoice::Reject)), "{did:?}");
    one.say("made").end(TurnEnd::Complete);
    at_root(&world, direct, |post| post.message == "made").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_nothing_thinking_and_nothing_twice_outside_of_threads_too() {
    let mut world = World::prepare().await;
    world.toml("dm_conversation = \"continuous\"");
    world.start().await;
    world.reading().await;
    let direct = world.direct();
    world.sim.post(world.alice.id, direct, "one").unwrap();
    let one = world.supervisor.asked().await;
    one.ready().say("half");
    at_root(&world, direct, |post| post.message.starts_with("half")).await;
    world.sim.post(world.alice.id, direct, "two").unwrap();
    at_root(&world, direct, |post| post.message.starts_with("Queued")).await;
    world.kill();
    world.start().await;
    at_root(&world, direct, |post| post.message.starts_with("half\n\n⚠️ Interrupted")).await;
    let two = world.supervisor.asked().await;
    assert_eq!((two.text.as_str(), two.before), ("two", Before::Interrupted));
    assert_eq!((two.thread, resumed(&two)), (one.thread, Some(session_of(&one).as_str())));
    two.answer("to two");
    at_root(&world, direct, |post| post.message == "to two").await;
    let own = world.sim.posts(direct).into_iter().filter(|post| post.user_id == world.bot.id);
    assert_eq!(own.count(), 2);
}
