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
