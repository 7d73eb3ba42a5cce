//! What people choose for one conversation: mode, model, how much is shown.

use gaggle_ipc::ModelName;
use gaggle_ipc::session::{FromWorker, GooseMode, History, TurnEnd};
use gaggle_ipc::{GooseSession, ThreadId};
use gaggle_tests::mattermost::Id;

use crate::fake::Asked;
use crate::world::World;

async fn with(lines: &str) -> World {
    let mut world = World::prepare().await;
    world.toml(lines);
    world.start().await;
    world.reading().await;
    world
}

/// Alice says something in the thread and it is answered.
async fn played(world: &mut World, root: Id, text: &str) -> Asked {
    world.sim.reply(world.alice.id, root, &format!("@goosebot {text}")).unwrap();
    let asked = world.supervisor.asked().await;
    assert!(asked.text.ends_with(text), "{}", asked.text);
    asked.answer(&format!("to {text}"));
    world.says(root, &format!("to {text}")).await;
    asked
}

async fn begun(world: &mut World, text: &str) -> (Id, Asked) {
    let root = world.ask(text);
    let asked = world.supervisor.asked().await;
    asked.answer(&format!("to {text}"));
    world.says(root, &format!("to {text}")).await;
    (root, asked)
}

fn command(world: &World, root: Id, text: &str) {
    world.sim.reply(world.alice.id, root, &format!("@goosebot {text}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_is_of_one_conversation_and_outlives_a_restart() {
    let mut world = with("[goose]\nmode = \"auto\"").await;
    let (root, first) = begun(&mut world, "one").await;
    assert_eq!(first.mode, GooseMode::Auto);
    command(&world, root, "!mode chat");
    world.answer(root, |post| post.message.contains("the mode is `chat`: Goose runs no")).await;
    assert_eq!(played(&mut world, root, "two").await.mode, GooseMode::Chat);
    let (_, other) = begun(&mut world, "elsewhere").await;
    assert_eq!(other.mode, GooseMode::Auto, "another conversation has its own");
    world.sim.reply(world.bob.id, root, "@goosebot mine").unwrap();
    let bobs = world.supervisor.asked().await;
    assert!(bobs.text.ends_with("mine"), "{}", bobs.text);
    assert!(!bobs.text.contains("the mode is"), "what was said to the bot alone: {}", bobs.text);
    assert_eq!(bobs.mode, GooseMode::Auto, "another person has their own, too");
    bobs.answer("yours");
    world.says(root, "yours").await;
    world.kill();
    world.start().await;
    assert_eq!(played(&mut world, root, "three").await.mode, GooseMode::Chat);
    command(&world, root, "!mode");
    let shown =
        world.answer(root, |post| post.message.starts_with("The mode here is `chat`")).await;
    assert!(shown.message.contains("\n- `auto`: "), "{}", shown.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_looser_than_the_admin_says_can_be_chosen_or_stays_chosen() {
    let mut world = with("[goose]\nmode = \"approve\"").await;
    let (root, _) = begun(&mut world, "one").await;
    command(&world, root, "!mode auto");
    let told = world.answer(root, |post| post.message.contains("does not allow `auto`")).await;
    assert!(told.message.contains("`approve`, `chat`"), "{}", told.message);
    assert_eq!(played(&mut world, root, "two").await.mode, GooseMode::Approve);
    // What was chosen when it was allowed does not hold when it no longer is.
    command(&world, root, "!mode chat");
    world.answer(root, |post| post.message.contains("the mode is `chat`")).await;
    world.toml("modes_allowed = [\"approve\"]");
    world.kill();
    world.start().await;
    assert_eq!(played(&mut world, root, "three").await.mode, GooseMode::Approve);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_chosen_from_the_admins_list_and_given_back() {
    let mut world = with("[goose]\nmodels = [\"gpt-4o-mini\", \"org/other\"]").await;
    let root = world.ask("one");
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.model, None);
    let thread = ThreadId::new(root.as_str()).unwrap();
    asked.word(FromWorker::ThreadReady {
        thread,
        session: GooseSession::new("s_1").unwrap(),
        history: History::New,
        model: Some(ModelName::new("gpt-4o").unwrap()),
    });
    asked.word(FromWorker::TurnStarted { thread, turn: asked.turn });
    asked.say("first").end(TurnEnd::Complete);
    world.says(root, "first").await;
    command(&world, root, "!model gpt-5");
    let told = world.answer(root, |post| post.message.contains("is not among the models")).await;
    assert!(told.message.contains("`gpt-4o-mini`, `org/other`, or `default`"), "{}", told.message);
    command(&world, root, "!model org/other");
    world.answer(root, |post| post.message.contains("the model is `org/other`")).await;
    let model = |asked: &Asked| asked.model.as_ref().map(|model| model.as_str().to_owned());
    let two = played(&mut world, root, "two").await;
    assert_eq!(model(&two).as_deref(), Some("org/other"));
    command(&world, root, "!model default");
    world.answer(root, |post| post.message.contains("the model is the usual one")).await;
    // A session keeps what it was given, so the usual one has to be named.
    let three = played(&mut world, root, "three").await;
    assert_eq!(model(&three).as_deref(), Some("gpt-4o"));
    command(&world, root, "!model");
    world.answer(root, |post| post.message.contains("is the usual one, `gpt-4o`")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_there_is_no_choice_of_models() {
    let world = World::new().await;
    let root = world.ask("!model gpt-4o");
    world.says(root, "Your admin allows no choice of models.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_conversation_shows_a_first_sign_and_the_answer() {
    let mut world = World::new().await;
    let (root, _) = begun(&mut world, "one").await;
    command(&world, root, "!quiet on");
    world.answer(root, |post| post.message.contains("nothing in between")).await;
    world.sim.reply(world.alice.id, root, "@goosebot two").unwrap();
    let two = world.supervisor.asked().await;
    two.ready().say("half of it");
    world.answer(root, |post| post.message == "Thinking...").await;
    // The control: by then a conversation that is not quiet shows its half.
    let other = world.ask("elsewhere");
    let elsewhere = world.supervisor.asked().await;
    elsewhere.ready().say("half of that");
    world.answer(other, |post| post.message.starts_with("half of that")).await;
    assert!(!world.texts(root).iter().any(|text| text.contains("half")));
    two.say(", and the rest").end(TurnEnd::Complete);
    world.says(root, "half of it, and the rest").await;
    command(&world, root, "!quiet off");
    world.answer(root, |post| post.message.contains("show what I do again")).await;
    world.sim.reply(world.alice.id, root, "@goosebot three").unwrap();
    let three = world.supervisor.asked().await;
    three.ready().say("some of it");
    world.answer(root, |post| post.message.starts_with("some of it")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_a_thread_is_of_that_thread() {
    let mut world = World::new().await;
    let root = world.ask("!mode chat");
    world.answer(root, |post| post.message.contains("Reply here, in this thread")).await;
    // It is a conversation now, and goes on without a mention.
    world.sim.reply(world.alice.id, root, "so?").unwrap();
    assert_eq!(world.supervisor.asked().await.mode, GooseMode::Chat);
}
