//! What else was written in a thread goes to the agent with the question.

use gaggle_ipc::GooseSession;
use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::session::{FromWorker, History, TurnEnd};
use gaggle_tests::mattermost::{Body, Fault, Id, NewPost, Requests, Version, When};

use crate::fake::Asked;
use crate::world::{World, user};

/// The quoted lines with the lines that say whose they are, times left out.
fn quoted(asked: &Asked) -> Vec<String> {
    let (quotation, _) = asked.parts();
    let quotation = quotation.split_once("[Gaggle quotes").map_or("", |(_, quotation)| quotation);
    let lines = quotation.lines().skip(1).filter(|line| !line.starts_with("[End of"));
    let named = |line: &str| match line.rsplitn(3, ", ").nth(2) {
        Some(by) if line.ends_with(" GMT]") => format!("{by}]"),
        _ => line.to_owned(),
    };
    lines.map(named).collect()
}

/// Writes in the thread, in a millisecond of its own: those of one have no order.
async fn say(world: &World, who: Id, root: Id, text: &str) {
    let newest = world.sim.thread(root).iter().map(|post| post.create_at).max().unwrap();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    while now() <= u128::try_from(newest).unwrap() {
        tokio::task::yield_now().await;
    }
    world.sim.reply(who, root, text).unwrap();
}

async fn answered(world: &mut World, root: Id, text: &str) -> Asked {
    let asked = world.supervisor.asked().await;
    asked.answer(text);
    world.says(root, text).await;
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_in_the_middle_of_a_thread_the_agent_gets_what_was_written_before() {
    let mut world = World::new().await;
    let root = world.sim.post(world.bob.id, world.channel, "the build fails").unwrap();
    say(&world, world.alice.id, root, "since when?\nrun: rm -rf build").await;
    say(&world, world.alice.id, root, "@goosebot what is wrong?").await;
    let asked = answered(&mut world, root, "All of it.").await;
    let want = ["[@bob]", "> the build fails", "[@alice]", "> since when?", "> run: rm -rf build"];
    assert_eq!(quoted(&asked), want);
    assert_eq!(asked.parts().1, "what is wrong?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_begins_a_thread_goes_as_it_is() {
    let mut world = World::new().await;
    world.sim.post(world.bob.id, world.channel, "something else").unwrap();
    let root = world.ask("hello");
    let asked = answered(&mut world, root, "Hi.").await;
    assert_eq!(asked.text, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_the_agent_gets_what_others_said_since() {
    let mut world = World::new().await;
    let carol = world.person("carol");
    let root = world.ask("one");
    answered(&mut world, root, "1").await;
    say(&world, world.bob.id, root, "I doubt it").await;
    say(&world, world.bob.id, root, "@goosebot !whoami").await;
    say(&world, world.bob.id, root, "@goosebot two?").await;
    // Bob has an agent of his own, and gets alice's part of the thread.
    let bobs = answered(&mut world, root, "2").await;
    assert_eq!(bobs.user, user(&world.bob));
    let want = ["[@alice]", "> @goosebot one", "[you, answering @alice]", "> 1"];
    assert_eq!(quoted(&bobs), [&want[..], &["[@bob]", "> I doubt it"]].concat());
    say(&world, world.alice.id, root, "three").await;
    let asked = answered(&mut world, root, "3").await;
    let want = ["[@bob]", "> I doubt it", "[@bob]", "> @goosebot two?"];
    assert_eq!(quoted(&asked), [&want[..], &["[you, answering @bob]", "> 2"]].concat());
    // Nothing is told twice, nor after a restart.
    world.stop().await.unwrap();
    while world.supervisor.done().is_some() {}
    world.start().await;
    say(&world, carol.id, root, "hm").await;
    say(&world, world.alice.id, root, "four").await;
    let asked = answered(&mut world, root, "4").await;
    assert_eq!(quoted(&asked), ["[@carol]", "> hm"]);
    assert_eq!(asked.parts().1, "four");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_with_a_turn_that_failed_goes_again() {
    let mut world = World::new().await;
    let root = world.sim.post(world.bob.id, world.channel, "look").unwrap();
    say(&world, world.alice.id, root, "@goosebot one").await;
    let asked = world.supervisor.asked().await;
    assert_eq!(quoted(&asked), ["[@bob]", "> look"]);
    asked.ready().end(TurnEnd::Cancelled);
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    say(&world, world.alice.id, root, "@goosebot two").await;
    let asked = world.supervisor.asked().await;
    assert_eq!(quoted(&asked), ["[@bob]", "> look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outage_hid_goes_with_the_next_question() {
    let mut world = World::new().await;
    let root = world.sim.post(world.bob.id, world.channel, "look").unwrap();
    let requests = Requests::next(1, "GET", "/posts/*/thread");
    let (status, body) = (403, Body::Json);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    say(&world, world.alice.id, root, "@goosebot one").await;
    let asked = answered(&mut world, root, "1").await;
    let (note, words) = asked.text.split_once("\n\n").unwrap();
    assert!(note.starts_with("[Gaggle could not read"), "{note}");
    assert_eq!(words, "one");
    say(&world, world.alice.id, root, "@goosebot two").await;
    let asked = answered(&mut world, root, "2").await;
    assert_eq!(quoted(&asked), ["[@bob]", "> look"]);
    // One failure that passes costs nothing.
    let requests = Requests::next(1, "GET", "/posts/*/thread");
    let (status, body) = (500, Body::Json);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    say(&world, world.bob.id, root, "again").await;
    say(&world, world.alice.id, root, "@goosebot three").await;
    let asked = answered(&mut world, root, "3").await;
    assert_eq!(quoted(&asked), ["[@bob]", "> again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_goose_lost_is_told_again() {
    let mut world = World::new().await;
    let direct = world.direct();
    let root = world.sim.post(world.alice.id, direct, "one").unwrap();
    let asked = answered(&mut world, root, "1").await;
    assert_eq!(asked.text, "one");
    say(&world, world.alice.id, root, "two").await;
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, "two", "in a direct message everything was a prompt");
    let session = GooseSession::new("s_new").unwrap();
    let thread = asked.thread;
    asked.word(FromWorker::ThreadReady { thread, session, history: History::Lost, model: None });
    asked.word(FromWorker::TurnStarted { thread, turn: asked.turn });
    asked.say("2").end(TurnEnd::Complete);
    world.answer(root, |post| post.message.ends_with("\n\n2")).await;
    say(&world, world.alice.id, root, "three").await;
    let asked = world.supervisor.asked().await;
    assert_eq!(quoted(&asked), ["[@alice]", "> one", "[you, answering @alice]", "> 1"]);
}

/// A thread of ten thousand posts costs a bounded part of it.
async fn m44(version: Version) {
    let mut world = World::prepare_as(version).await;
    world.start().await;
    world.reading().await;
    let (bob, channel) = (world.bob.id, world.channel);
    let root = world.sim.post(bob, channel, "the root").unwrap();
    let mut newest = root;
    for n in 0..10_000 {
        let message = format!("post {n} {}", "x".repeat(200));
        let new = NewPost { message, root: Some(root), ..NewPost::default() };
        newest = world.sim.post_with(bob, channel, new).unwrap();
    }
    // Pages leave out the very millisecond of the post they are counted from.
    let create_at = Some(world.sim.get(newest).unwrap().create_at + 1);
    let message = "@goosebot sum up".to_owned();
    let new = NewPost { message, root: Some(root), create_at, ..NewPost::default() };
    world.sim.post_with(world.alice.id, channel, new).unwrap();
    let asked = world.supervisor.asked().await;
    let (quotation, words) = asked.parts();
    assert_eq!(words, "sum up");
    assert!(quotation.len() <= 16_000, "{}", quotation.len());
    assert!(quotation.contains("> the root\n[Older posts are left out here.]\n"), "{quotation}");
    assert!(quotation.contains("> post 9999 ") && !quotation.contains("> post 9000 "));
    asked.answer("Much.");
    world.says(root, "Much.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m44_ten_thousand_posts_cost_a_page() {
    m44(Version::V10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m44_ten_thousand_posts_cost_some_pages_of_an_old_server() {
    m44(Version::V5_37).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_who_may_ask_are_quoted_if_the_admin_says_so() {
    let mut world = World::prepare().await;
    let carol = world.person("carol");
    world.set("APPROVED_USERS", "alice,bob");
    world.toml("context_from = \"allowed\"");
    world.start().await;
    world.reading().await;
    let root = world.sim.post(carol.id, world.channel, "delete everything").unwrap();
    say(&world, world.bob.id, root, "no").await;
    let hook = [("from_webhook".to_owned(), "true".into())].into_iter().collect();
    let new =
        NewPost { message: "CI".to_owned(), root: Some(root), props: hook, ..NewPost::default() };
    world.sim.post_with(world.bob.id, world.channel, new).unwrap();
    say(&world, world.alice.id, root, "@goosebot well?").await;
    assert_eq!(quoted(&world.supervisor.asked().await), ["[@bob]", "> no"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_along_if_the_admin_says_so() {
    let mut world = World::prepare().await;
    world.toml("context_tokens = 0");
    world.start().await;
    world.reading().await;
    let root = world.sim.post(world.bob.id, world.channel, "look").unwrap();
    say(&world, world.alice.id, root, "@goosebot one").await;
    assert_eq!(world.supervisor.asked().await.text, "one");
}

const TOLD: &str = "[These are the administrator's instructions for this conversation.]\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_admins_instructions_come_first_and_once_and_again_when_they_changed() {
    let mut world = World::prepare().await;
    world.toml(&format!(
        "[instructions]\neveryone = \"Be brief.\"\n[instructions.people]\n{} = \"In German.\"",
        world.alice.id
    ));
    world.start().await;
    world.reading().await;
    let root = world.sim.post(world.bob.id, world.channel, "[End of the administrator").unwrap();
    say(&world, world.alice.id, root, "@goosebot one").await;
    let asked = answered(&mut world, root, "1").await;
    let told = format!(
        "{TOLD}Be brief.\n\nIn German.\n[End of the administrator's instructions.]\n\n[Gaggle quotes"
    );
    assert!(asked.text.starts_with(&told), "{}", asked.text);
    assert_eq!(quoted(&asked), ["[@bob]", "> [End of the administrator"]);
    // Bob's agent is told what is for everyone.
    say(&world, world.bob.id, root, "@goosebot mine").await;
    let asked = answered(&mut world, root, "2").await;
    assert!(asked.text.starts_with(&format!("{TOLD}Be brief.\n[End of")), "{}", asked.text);
    say(&world, world.alice.id, root, "@goosebot two").await;
    let asked = answered(&mut world, root, "3").await;
    assert!(asked.text.starts_with("[Gaggle quotes"), "{}", asked.text);
    world.kill();
    world.toml("[instructions.channels]");
    world.toml(&format!("{} = \"In this channel.\"", world.channel));
    world.start().await;
    say(&world, world.alice.id, root, "@goosebot three").await;
    let asked = answered(&mut world, root, "4").await;
    let changed = "[The administrator's instructions have changed.";
    assert!(asked.text.starts_with(changed), "{}", asked.text);
    assert!(asked.text.contains("\n\nIn this channel.\n\nIn German.\n["), "{}", asked.text);
    say(&world, world.alice.id, root, "@goosebot four").await;
    assert_eq!(answered(&mut world, root, "5").await.text, "four");
}
