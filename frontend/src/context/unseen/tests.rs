//! The rules by table: one row per sort of post that a thread can hold.

use serde_json::json;

use super::*;

const BOT: char = 'b';
const ALICE: char = 'a';
const BOB: char = 'o';

fn id(c: char) -> MattermostId {
    MattermostId::new(&c.to_string().repeat(26)).unwrap()
}

fn post(post: char, user: char, at: i64, more: Value) -> Post {
    let mut value = json!({
        "id": id(post).as_str(), "user_id": id(user).as_str(), "create_at": at,
        "channel_id": id('c').as_str(), "root_id": id('r').as_str(), "message": "text",
    });
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn turn(number: u64, user: char, post: char, sent: bool, ended: bool) -> ThreadTurn {
    ThreadTurn { turn: TurnId(number), user: id(user).into(), post: id(post), sent, ended }
}

fn seen_by_alice(posts: &[Post], turns: &[ThreadTurn], told: Told) -> Vec<Voice> {
    let asker = id(ALICE).into();
    let source = Source { posts, turns, told, me: id(BOT), name: "goose", asker };
    unseen(source).iter().map(|posted| posted.voice).collect()
}

fn answer(to: char, part: &str, more: Value) -> Value {
    let mut value = json!({ "props": {
        "from_bot": "true", PROP_TURN: id(to).as_str(), PROP_PART: part,
    } });
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    value
}

/// Whether the one post goes along, with `turns` in the ledger.
fn goes(more: Value, user: char, turns: &[ThreadTurn]) -> Option<Voice> {
    seen_by_alice(&[post('p', user, 5, more)], turns, Told::default()).first().copied()
}

#[test]
fn what_people_and_machines_write() {
    let person = Some(Voice::Person(id(BOB)));
    for (more, want) in [
        (json!({}), person),
        (json!({"type": "me"}), person),
        (json!({"message": "@goose summarise"}), person),
        (json!({"message": "!important: no"}), person),
        (json!({"message": "", "file_ids": [id('f').as_str()]}), person),
        (json!({"props": {"from_bot": "true"}}), person),
        (json!({"props": {"from_webhook": "true"}}), Some(Voice::Webhook(id(BOB)))),
        (json!({"message": ""}), None),
        (json!({"message": "@goose !stop"}), None),
        (json!({"message": "!approve abcd"}), None),
        (json!({"type": "system_add_to_channel"}), None),
        (json!({"type": "system_ephemeral"}), None),
        (json!({"delete_at": 7}), None),
        (json!({"original_id": id('x').as_str()}), None),
        // Props of the bot's on somebody else's post say nothing.
        (answer('q', "answer-0", json!({})), person),
    ] {
        assert_eq!(goes(more.clone(), BOB, &[]), want, "{more}");
    }
}

#[test]
fn the_askers_own_posts_go_along_unless_they_were_prompts() {
    let own = Some(Voice::Person(id(ALICE)));
    assert_eq!(goes(json!({}), ALICE, &[]), own, "not addressed to the bot");
    assert_eq!(goes(json!({}), ALICE, &[turn(1, ALICE, 'p', true, true)]), None);
    assert_eq!(goes(json!({}), ALICE, &[turn(1, ALICE, 'p', false, true)]), own, "never sent");
    assert_eq!(goes(json!({}), ALICE, &[turn(1, ALICE, 'p', false, false)]), None, "it waits");
    let bobs = [turn(1, BOB, 'p', true, true)];
    assert_eq!(goes(json!({}), BOB, &bobs), Some(Voice::Person(id(BOB))));
}

#[test]
fn the_bots_answers_to_others_go_along_once_they_are_whole() {
    let theirs = Some(Voice::Own(Some(id(BOB))));
    for (part, more, turns, want) in [
        ("answer-0", json!({}), vec![turn(1, BOB, 'q', true, true)], theirs),
        ("answer-0", json!({}), vec![turn(1, BOB, 'q', true, false)], None),
        ("answer-0", json!({}), vec![turn(1, ALICE, 'q', true, true)], None),
        ("answer-0", json!({}), vec![], Some(Voice::Own(None))),
    ] {
        assert_eq!(goes(answer('q', part, more), BOT, &turns), want, "{part} {turns:?}");
    }
    // What it says about itself, like the answer to a command.
    assert_eq!(goes(json!({}), BOT, &[]), None);
    assert_eq!(goes(json!({"root_id": ""}), BOT, &[]), Some(Voice::Own(None)));
    // A question about a tool has the turn's mark and is no answer.
    assert_eq!(goes(json!({"props": {PROP_TURN: id('q').as_str()}}), BOT, &[]), None);
}

#[test]
fn without_the_ledger_the_question_itself_says_whom_the_bot_answered() {
    let of = |user| {
        let posts =
            [post('q', user, 1, json!({})), post('p', BOT, 2, answer('q', "answer-0", json!({})))];
        seen_by_alice(&posts, &[], Told::default())
    };
    assert_eq!(of(BOB), [Voice::Person(id(BOB)), Voice::Own(Some(id(BOB)))]);
    assert_eq!(of(ALICE), [Voice::Person(id(ALICE))]);
}

#[test]
fn of_a_long_turn_the_answer_goes_along_and_not_the_progress() {
    let turns = [turn(1, BOB, 'q', true, true)];
    let posts = [
        post('p', BOT, 2, answer('q', "answer-0", json!({"message": "Worked for 40 s."}))),
        post('s', BOT, 9, answer('q', "final-0", json!({"message": "The answer."}))),
    ];
    assert_eq!(seen_by_alice(&posts, &turns, Told::default()).len(), 1);
}

#[test]
fn later_only_what_was_said_since_goes_along() {
    let told = Told { seen: Some(10), ..Told::default() };
    let turns = [turn(2, BOB, 'q', true, true)];
    let posts = [
        post('r', BOB, 1, json!({"root_id": ""})),
        post('s', BOB, 10, json!({})),
        // Begun before, ended after: it was not shown when alice asked.
        post('t', BOT, 9, answer('q', "answer-0", json!({"edit_at": 12}))),
        post('u', BOB, 11, json!({})),
    ];
    let want = [Voice::Own(Some(id(BOB))), Voice::Person(id(BOB))];
    assert_eq!(seen_by_alice(&posts, &turns, told), want);
}

#[test]
fn a_conversation_that_was_lost_is_told_again_with_both_sides() {
    let told = Told { anew: Some(TurnId(2)), ..Told::default() };
    let turns = [turn(1, ALICE, 'q', true, true), turn(2, ALICE, 's', true, true)];
    let posts = [
        post('q', ALICE, 1, json!({})),
        post('p', BOT, 2, answer('q', "answer-0", json!({}))),
        post('s', ALICE, 3, json!({})),
        post('t', BOT, 4, answer('s', "answer-0", json!({}))),
    ];
    let want = [Voice::Person(id(ALICE)), Voice::Own(Some(id(ALICE)))];
    assert_eq!(seen_by_alice(&posts, &turns, told), want);
}

#[test]
fn what_a_webhook_says_in_attachments_is_read() {
    let attachments = json!([{"title": "Build 7", "text": "failed"}, {"fallback": "see CI"}]);
    let hook = post('p', BOB, 1, json!({"message": "", "props": {"attachments": attachments}}));
    assert_eq!(text(&hook), "Build 7\nfailed\nsee CI");
}
