//! Mattermost fails: slow, gone, forgetful, or out of patience.

use std::time::Duration;

use gaggle_ipc::session::TurnEnd;
use gaggle_tests::mattermost::{Body, Fault, Requests, When};

use crate::world::World;

/// Lets `fault` happen to one message, which is answered all the same: once.
async fn answered_once(fault: Fault) {
    let mut world = World::new().await;
    world.sim.inject(fault);
    let root = world.ask("x");
    world.supervisor.asked().await.answer("The answer.");
    world.says(root, "The answer.").await;
    // A second post would have been made before the next answer.
    world.settle().await;
    assert_eq!(world.texts(root), ["The answer."]);
}

fn fail(requests: Requests, when: When) -> Fault {
    Fault::Fail { requests, status: 500, body: Body::Json, when }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_made_but_answered_with_an_error_is_not_made_again() {
    answered_once(fail(Requests::next(1, "POST", "/posts"), When::After)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_answer_was_lost_is_not_made_again() {
    let requests = Requests::next(2, "POST", "/posts");
    answered_once(Fault::Drop { requests, when: When::After }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_not_made_is_made() {
    let requests = Requests::next(2, "POST", "/posts");
    let (status, body) = (502, Body::Html);
    answered_once(Fault::Fail { requests, status, body, when: When::Before }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_fail_do_not_cost_the_end() {
    answered_once(fail(Requests::next(4, "PUT", "/posts/*/patch"), When::Before)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_mattermost_that_goes_down_in_the_middle() {
    let mut world = World::new().await;
    let root = world.ask("x");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    world.sim.inject(Fault::Restart { millis: 2500 });
    asked.say(" and the other half").end(TurnEnd::Complete);
    world.says(root, "half and the other half").await;
    assert_eq!(world.texts(root).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_written_while_it_was_down_is_answered() {
    let mut world = World::new().await;
    world.sim.inject(Fault::Restart { millis: 1500 });
    let root = world.ask("x");
    world.supervisor.asked().await.answer("Late.");
    world.says(root, "Late.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_requests_slows_down_and_loses_nothing() {
    let mut world = World::new().await;
    world.sim.inject(Fault::RateLimit { per_second: 10, burst: 2 });
    let roots: Vec<_> = (0..3).map(|n| world.ask(&format!("q{n}"))).collect();
    for _ in 0..3 {
        let asked = world.supervisor.asked().await;
        asked.ready();
        for word in 0..30 {
            asked.say(&format!("{word} "));
            tokio::task::yield_now().await;
        }
        asked.say(&asked.text).end(TurnEnd::Complete);
    }
    for (n, root) in roots.into_iter().enumerate() {
        world.answer(root, |post| post.message.ends_with(&format!("29 q{n}"))).await;
        assert_eq!(world.texts(root).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_leave_room_in_a_limit_of_requests_for_what_has_to_be_said() {
    let mut world = World::prepare().await;
    // Reading takes its own part of the limit.
    world.set("POLL_INTERVAL", "5");
    world.start().await;
    world.reading().await;
    let refused = |world: &World| {
        let requests = world.sim.requests();
        let refused = requests.iter().filter(|(name, _)| name.starts_with("REFUSED"));
        refused.map(|(_, times)| times).sum::<u64>()
    };
    world.sim.inject(Fault::RateLimit { per_second: 20, burst: 60 });
    let roots: Vec<_> = (0..4).map(|n| world.ask(&format!("q{n}"))).collect();
    let mut turns = Vec::new();
    for _ in &roots {
        let asked = world.supervisor.asked().await;
        asked.ready();
        turns.push(asked);
    }
    // Four answers that grow, edited as often as the pace lets them: 130 a second.
    for word in 0..150 {
        for asked in &turns {
            asked.say(&format!("{word} "));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A question that comes now is shown at once, and so are the ends.
    let late = world.ask("late");
    world.supervisor.asked().await.answer("Here.");
    world.says(late, "Here.").await;
    for asked in &turns {
        asked.say(&asked.text).end(TurnEnd::Complete);
    }
    for (n, root) in roots.into_iter().enumerate() {
        world.answer(root, |post| post.message.ends_with(&format!("149 q{n}"))).await;
    }
    assert_eq!(refused(&world), 0, "{:?}", world.sim.requests());
    let edits = world.sim.requests()["PUT /posts/*/patch"];
    assert!((20..150).contains(&edits), "{edits} edits");
}

#[tokio::test(flavor = "multi_thread")]
async fn x13_forty_thousand_characters_come_whole_through_a_storm() {
    let mut world = World::new().await;
    let root = world.ask("much");
    let asked = world.supervisor.asked().await;
    asked.ready().say("w0000 ");
    world.answer(root, |post| post.message.starts_with("w0000")).await;
    world.sim.inject(Fault::RateLimit { per_second: 15, burst: 3 });
    for when in [When::Before, When::After] {
        world.sim.inject(fail(Requests::next(2, "PUT", "/posts/*/patch"), when));
        world.sim.inject(fail(Requests::next(1, "POST", "/posts"), when));
    }
    let requests = Requests::next(1, "POST", "/posts");
    world.sim.inject(Fault::Drop { requests, when: When::After });
    let words: Vec<String> = (0..8000).map(|n| format!("w{n:04}")).collect();
    asked.say(&words[1..].join(" ")).end(TurnEnd::Complete);
    world.answer(root, |post| post.message.ends_with("w7999")).await;
    // The last that is done is the mark that nothing more comes.
    world.answer(root, |post| post.props.contains_key("gaggle_done")).await;
    let texts = world.texts(root).join(" ");
    assert_eq!(texts.split_whitespace().collect::<Vec<_>>(), words);
}

#[tokio::test(flavor = "multi_thread")]
async fn m45_what_a_server_says_of_an_error_reaches_no_channel() {
    let mut world = World::new().await;
    let requests = Requests::next(2, "POST", "/posts");
    let (status, body) = (502, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    let requests = Requests::next(1, "GET", "/posts/*/thread");
    let (status, body) = (403, Body::Json);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    let root = world.sim.post(world.bob.id, world.channel, "look").unwrap();
    world.sim.reply(world.alice.id, root, "@goosebot x").unwrap();
    let asked = world.supervisor.asked().await;
    // Nor the agent: it is told in our words that it misses something.
    assert!(!asked.text.contains("asked for") && !asked.text.contains("403"), "{}", asked.text);
    asked.answer("The answer.");
    world.says(root, "The answer.").await;
    world.settle().await;
    assert_eq!(world.texts(root), ["The answer."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_it_knew_of_its_post_it_takes_it_up_again() {
    let mut world = World::new().await;
    // Made at once, but the answer does not arrive before the kill.
    let requests = Requests::next(1, "POST", "/posts");
    world.sim.inject(Fault::Slow { requests, millis: 20_000 });
    world.supervisor.hold(true);
    let root = world.ask("x");
    world.answer(root, |_| true).await;
    world.kill();
    world.supervisor.hold(false);
    world.sim.clear_faults();
    world.start().await;
    world.supervisor.asked().await.answer("Once.");
    world.says(root, "Once.").await;
    assert_eq!(world.texts(root), ["Once."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_in_mid_turn_ends_the_process() {
    let mut world = World::new().await;
    world.ask("x");
    let asked = world.supervisor.asked().await;
    asked.ready();
    world.sim.inject(Fault::RevokeTokens { user: world.bot.id.to_string() });
    asked.say("nobody hears this").end(TurnEnd::Complete);
    let ended = tokio::time::timeout(Duration::from_secs(20), world.ended()).await.unwrap();
    assert!(ended.unwrap_err().is_token());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_401_to_an_edit_costs_nothing() {
    let requests = Requests::next(1, "PUT", "/posts/*/patch");
    let (status, body) = (401, Body::Html);
    answered_once(Fault::Fail { requests, status, body, when: When::Before }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_page_at_the_start_costs_no_waiting_message() {
    let mut world = World::new().await;
    let root = world.ask("one");
    world.supervisor.asked().await.ready();
    let two = world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.kill();
    let requests = Requests::next(1, "GET", &format!("/posts/{two}"));
    let (status, body) = (302, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    world.start().await;
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, "two");
    asked.answer("2");
    world.says(root, "2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_401_at_the_start_leaves_nothing_thinking() {
    let mut world = World::new().await;
    let root = world.ask("x");
    world.supervisor.asked().await.ready();
    world.answer(root, |post| post.message.contains("Thinking")).await;
    world.kill();
    let requests = Requests::next(1, "GET", "/posts/*/thread");
    let (status, body) = (401, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    world.start().await;
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    assert_eq!(world.texts(root).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_while_it_recovers_ends_the_process() {
    let mut world = World::new().await;
    let root = world.ask("x");
    world.supervisor.asked().await.ready();
    world.answer(root, |post| post.message.contains("Thinking")).await;
    world.kill();
    let requests = Requests::next(1000, "GET", "/posts/*/thread");
    let (status, body) = (401, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    let asked = world.requests("GET /posts/*/thread");
    world.start().await;
    world.until("it recovers", || world.requests("GET /posts/*/thread") > asked).await;
    world.sim.inject(Fault::RevokeTokens { user: world.bot.id.to_string() });
    assert!(world.ended().await.unwrap_err().is_token());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_says_interrupted_it_says_so_once() {
    let mut world = World::new().await;
    // There is no post yet in which it could be said.
    let requests = Requests::next(1000, "POST", "/posts");
    let (status, body) = (503, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    let root = world.ask("x");
    world.supervisor.asked().await.ready();
    world.kill();
    world.sim.clear_faults();
    // It says so, and does not learn that it has.
    let requests = Requests::next(1, "POST", "/posts");
    world.sim.inject(Fault::Slow { requests, millis: 20_000 });
    world.start().await;
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    world.kill();
    world.sim.clear_faults();
    world.start().await;
    world.settle().await;
    assert_eq!(world.texts(root).len(), 1, "{:?}", world.texts(root));
}
