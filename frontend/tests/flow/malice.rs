//! Attacks by people in Mattermost, by their rows in docs/attacks.md.

use std::collections::HashSet;

use gaggle_ipc::session::TurnEnd;
use gaggle_tests::mattermost::{Id, Post};

use crate::approvals::{asking, replied};
use crate::fake::Did;
use crate::world::{World, user};

/// What the bot says of itself in another bot's mouth, a hundred times.
#[tokio::test(flavor = "multi_thread")]
async fn m05_m06_no_bot_and_no_echo_of_its_own_begins_a_turn() {
    let mut world = World::new().await;
    let other = world.sim.create_bot("otherbot").unwrap();
    let direct = world.sim.direct_channel(other.id, world.bot.id).unwrap();
    for _ in 0..100 {
        world.sim.post(world.bot.id, world.channel, "@goosebot go on").unwrap();
        world.sim.post(other.id, direct, "go on").unwrap();
    }
    // Whatever comes first would be the next turn.
    world.settle().await;
    assert!(world.supervisor.done().is_none());
    assert!(world.sim.posts(direct).iter().all(|post| post.user_id == other.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn m13_m14_only_a_word_for_the_open_question_allows_it() {
    let mut world = World::new().await;
    let (root, asked, post) = asking(&mut world, "ls").await;
    // Of the same millisecond, and so in any order.
    let words = ["yes", "ok", "approve", "👍", "yes, approve it"];
    for word in words {
        world.sim.reply(world.alice.id, root, word).unwrap();
    }
    let name: String = post.message.split("!approve ").nth(1).unwrap().chars().take(4).collect();
    // The same name in another thread of hers is the same question; in bob's mouth
    // it is none.
    world.sim.post(world.bob.id, world.channel, &format!("@goosebot !approve {name}")).unwrap();
    world.sim.reply(world.alice.id, root, "!approve aaaa").unwrap();
    world.answer(root, |post| post.message.contains("has not asked you")).await;
    assert!(!matches!(world.supervisor.done(), Some(Did::Replied(_))));
    world.sim.reply(world.alice.id, root, &format!("!approve {name}")).unwrap();
    assert_eq!(replied(&mut world).await, gaggle_ipc::session::PermissionChoice::Allow);
    // Said again it opens nothing.
    world.sim.reply(world.alice.id, root, &format!("!approve {name}")).unwrap();
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    asked.end(TurnEnd::Complete);
    let next = world.supervisor.asked().await;
    let one = words.iter().any(|word| next.text.ends_with(word));
    assert!(one, "they were messages like any other: {}", next.text);
}

/// The longest post that a server takes, of the longest characters.
#[tokio::test(flavor = "multi_thread")]
async fn m17_the_longest_post_arrives_whole() {
    let mut world = World::new().await;
    let text = "🦆".repeat(16_383 - "@goosebot ".len());
    world.ask(&text);
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, text);
    asked.end(TurnEnd::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn m18_a_flood_of_messages_gets_a_bounded_number_of_turns_and_bob_is_served() {
    let mut world = World::new().await;
    let roots: Vec<Id> = (0..60).map(|n| world.ask(&format!("flood {n}"))).collect();
    let mut begun = HashSet::new();
    while begun.len() < 20 {
        begun.insert(world.supervisor.asked().await.text);
    }
    // Each of the others is told, once, and none is forgotten.
    let mut refused = 0;
    for root in &roots {
        let said = world.answer(*root, |_| true).await;
        refused += usize::from(said.message.contains("as many threads as I may"));
    }
    assert_eq!(refused, 40);
    let bobs = world.sim.post(world.bob.id, world.channel, "@goosebot mine").unwrap();
    let asked = world.supervisor.asked().await;
    assert_eq!((asked.user, asked.text.as_str()), (user(&world.bob), "mine"));
    asked.answer("bob's");
    world.says(bobs, "bob's").await;
}

/// Somebody asks, is asked back a thousand times, and stops at once, again and
/// again: turns begin and end one by one.
#[tokio::test(flavor = "multi_thread")]
async fn m20_asking_and_stopping_in_turns_starts_one_worker() {
    let mut world = World::new().await;
    let root = world.ask("begin");
    world.supervisor.asked().await.answer("begun");
    world.says(root, "begun").await;
    for round in 0..20 {
        world.sim.reply(world.alice.id, root, &format!("round {round}")).unwrap();
        let asked = world.supervisor.asked().await;
        asked.ready();
        world.sim.reply(world.alice.id, root, "!stop").unwrap();
        let Did::Cancelled(_) = world.supervisor.next().await else { panic!("not stopped") };
        asked.end(TurnEnd::Cancelled);
        let done = |post: &Post| post.message.ends_with("🛑 Stopped.");
        let stopped =
            |world: &World| world.sim.thread(root).iter().filter(|post| done(post)).count();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while stopped(&world) <= round {
            assert!(
                tokio::time::Instant::now() < deadline,
                "round {round} is not told to be stopped"
            );
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    assert!(world.supervisor.done().is_none(), "a worker was started");
}
