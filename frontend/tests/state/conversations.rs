//! What people choose, which sessions they have, and what a command changes.

use gaggle_frontend::state::{
    Change, Choice, Context, NewCommand, NewTurn, Opening, Outcome, Ready, Spent, State, TakeOver,
    Told,
};
use gaggle_ipc::session::{GooseMode, History};
use gaggle_ipc::{GooseSession, ModelName, TurnId};

use super::{folder, id, reopened, seen, thread, user};

fn session(number: u64) -> GooseSession {
    GooseSession::new(&format!("20261120_{number}")).unwrap()
}

/// A turn of `who` in `of`, asked by `post`, with Goose's session ready.
async fn played(state: &State, who: u64, of: u64, post: u64, goose: (u64, bool)) -> TurnId {
    let (user, thread) = (user(who), thread(of));
    let new = NewTurn { user, thread, post: seen(post, 9, 5), anew: false };
    let turn = state.open_turn(new).await.unwrap().unwrap();
    state.turn_sent(turn, Told::default()).await.unwrap();
    let model = Some(ModelName::new("gpt-4o").unwrap());
    let history = if goose.1 { History::New } else { History::Resumed };
    let session = session(goose.0);
    state.session_ready(Ready { user, thread, turn, session, history, model }).await.unwrap();
    turn
}

async fn open(state: &State, of: u64, post: u64, anew: bool) -> TurnId {
    let new = NewTurn { user: user(1), thread: thread(of), post: seen(post, 9, 5), anew };
    state.open_turn(new).await.unwrap().unwrap()
}

async fn command(state: &State, of: u64, post: u64) -> bool {
    let new = NewCommand { user: user(1), thread: thread(of), post: seen(post, 9, 5) };
    state.open_command(new).await.unwrap()
}

#[tokio::test]
async fn sessions_belong_to_a_person_and_a_thread() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    played(&state, 1, 7, 7, (1, true)).await;
    drop(state);
    let state = reopened(folder.path());
    assert_eq!(state.session(user(1), thread(7)).await.unwrap(), Some(session(1)));
    assert_eq!(state.session(user(2), thread(7)).await.unwrap(), None);
    assert_eq!(state.session(user(1), thread(8)).await.unwrap(), None);
    assert!(state.converses(user(1), thread(7)).await.unwrap());
    assert!(!state.converses(user(2), thread(7)).await.unwrap());
}

#[tokio::test]
async fn a_command_is_taken_once_and_takes_effect_once() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    assert!(command(&state, 7, 30).await && !command(&state, 7, 30).await);
    assert!(state.seen(id(30)).await.unwrap());
    let key = (user(1), thread(7));
    let mode = |mode| Change::Mode(mode);
    state.change(id(30), key, mode(GooseMode::Chat), "chat".to_owned()).await.unwrap();
    drop(state);
    let state = reopened(folder.path());
    let unfinished = state.unfinished_commands().await.unwrap();
    let [left] = unfinished.as_slice() else { panic!("{unfinished:?}") };
    assert_eq!((left.post, left.thread, left.channel), (id(30), thread(7), id(9)));
    assert_eq!(left.answer.as_deref(), Some("chat"));
    // Obeyed once more, by whatever mistake, it changes nothing.
    state.change(id(30), key, mode(GooseMode::Auto), "auto".to_owned()).await.unwrap();
    let choice = state.choice(user(1), thread(7)).await.unwrap();
    assert_eq!(choice, Choice { mode: Some(GooseMode::Chat), ..Choice::default() });
    state.command_answered(id(30)).await.unwrap();
    assert!(state.unfinished_commands().await.unwrap().is_empty());
    state.change(id(30), key, mode(GooseMode::Auto), "auto".to_owned()).await.unwrap();
    assert_eq!(state.choice(user(1), thread(7)).await.unwrap(), choice);
    assert!(!command(&state, 7, 30).await, "it is known for good");
}

#[tokio::test]
async fn choices_are_a_persons_own_and_each_stays_beside_the_others() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let key = (user(1), thread(7));
    let model = ModelName::new("gpt-4o-mini").unwrap();
    let changes =
        [Change::Mode(GooseMode::Approve), Change::Model(Some(model.clone())), Change::Quiet(true)];
    for (post, change) in (30..).zip(changes) {
        assert!(command(&state, 7, post).await);
        state.change(id(post), key, change, String::new()).await.unwrap();
    }
    let all = Choice { mode: Some(GooseMode::Approve), model: Some(model), quiet: true };
    assert_eq!(state.choice(user(1), thread(7)).await.unwrap(), all);
    assert_eq!(state.choice(user(2), thread(7)).await.unwrap(), Choice::default());
    assert_eq!(state.choice(user(1), thread(8)).await.unwrap(), Choice::default());
    assert!(state.converses(user(1), thread(7)).await.unwrap(), "it is a conversation now");
}

#[tokio::test]
async fn one_turn_begins_anew_and_what_was_before_stays_until_it_is_sent() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    played(&state, 1, 7, 7, (1, true)).await;
    assert!(command(&state, 7, 30).await);
    let key = (user(1), thread(7));
    // Waits in its thread: it goes on.
    let waits = open(&state, 7, 8, false).await;
    state.change(id(30), key, Change::Anew, String::new()).await.unwrap();
    let anew = open(&state, 7, 9, false).await;
    let after = open(&state, 7, 10, false).await;
    let opening = async |turn| {
        let bearings = state.bearings(turn).await.unwrap();
        (bearings.opening, bearings.session)
    };
    assert_eq!(opening(waits).await, (Opening::GoesOn, Some(session(1))));
    assert_eq!(opening(anew).await, (Opening::Anew, None));
    assert_eq!(opening(after).await, (Opening::GoesOn, Some(session(1))));
    state.turn_sent(anew, Told::default()).await.unwrap();
    assert_eq!(opening(after).await, (Opening::GoesOn, None), "given up");
    let ready = Ready {
        user: user(1),
        thread: thread(7),
        turn: anew,
        session: session(2),
        history: History::New,
        model: None,
    };
    state.session_ready(ready).await.unwrap();
    // Another try of it goes on in what it has begun.
    assert_eq!(opening(anew).await, (Opening::GoesOn, Some(session(2))));
    let numbers = state.sessions(user(1), 10).await.unwrap();
    let numbers: Vec<_> = numbers.iter().map(|one| (one.number, one.began, one.current)).collect();
    assert_eq!(numbers, [(2, id(9), true), (1, id(7), false)]);
    let with_text = open(&state, 7, 11, true).await;
    assert_eq!(opening(with_text).await.0, Opening::Anew);
}

#[tokio::test]
async fn a_session_goes_on_in_one_place_with_what_was_chosen_for_it() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    played(&state, 1, 7, 7, (1, true)).await;
    played(&state, 2, 7, 40, (1, true)).await;
    assert!(command(&state, 7, 30).await);
    let key = (user(1), thread(7));
    state.change(id(30), key, Change::Quiet(true), String::new()).await.unwrap();
    assert!(command(&state, 8, 31).await);
    let over = TakeOver { user: user(1), number: 1, from: thread(7), to: thread(8) };
    state.take_over(id(31), over, "moved".to_owned()).await.unwrap();
    state.take_over(id(31), over, "again".to_owned()).await.unwrap();
    assert_eq!(state.session(user(1), thread(7)).await.unwrap(), None);
    assert_eq!(state.session(user(1), thread(8)).await.unwrap(), Some(session(1)));
    assert_eq!(state.session(user(2), thread(7)).await.unwrap(), Some(session(1)), "hers");
    let here = open(&state, 8, 12, false).await;
    let bearings = state.bearings(here).await.unwrap();
    assert_eq!(bearings.opening, Opening::TakenFrom(thread(7)));
    assert_eq!((bearings.session, bearings.choice.quiet), (Some(session(1)), true));
    assert_eq!(bearings.usual_model.unwrap().as_str(), "gpt-4o");
    let there = open(&state, 7, 13, false).await;
    let bearings = state.bearings(there).await.unwrap();
    assert_eq!((bearings.opening, bearings.gone_on), (Opening::Anew, Some(1)));
    // Somebody else's number is nobody's.
    assert_eq!(state.session_numbered(user(1), 2).await.unwrap(), None);
    assert!(state.session_numbered(user(2), 1).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_that_is_no_longer_its_threads_leaves_that_thread_alone() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    played(&state, 1, 7, 7, (1, true)).await;
    let anew = open(&state, 7, 8, true).await;
    state.turn_sent(anew, Told::default()).await.unwrap();
    let (user, thread_7) = (user(1), thread(7));
    let ready = Ready {
        user,
        thread: thread_7,
        turn: anew,
        session: session(2),
        history: History::New,
        model: None,
    };
    state.session_ready(ready).await.unwrap();
    assert!(command(&state, 8, 31).await);
    let over = TakeOver { user, number: 1, from: thread_7, to: thread(8) };
    state.take_over(id(31), over, String::new()).await.unwrap();
    assert_eq!(state.session(user, thread_7).await.unwrap(), Some(session(2)));
    let next = open(&state, 7, 9, false).await;
    let bearings = state.bearings(next).await.unwrap();
    assert_eq!((bearings.opening, bearings.gone_on), (Opening::GoesOn, None));
    // And back, in the thread it was begun in.
    assert!(command(&state, 7, 32).await);
    let over = TakeOver { user, number: 1, from: thread(8), to: thread_7 };
    state.take_over(id(32), over, String::new()).await.unwrap();
    assert_eq!(state.session(user, thread_7).await.unwrap(), Some(session(1)));
}

#[tokio::test]
async fn an_id_that_goose_uses_again_is_a_new_session() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    played(&state, 1, 7, 7, (1, true)).await;
    played(&state, 1, 8, 8, (1, true)).await;
    let sessions = state.sessions(user(1), 10).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].thread, sessions[0].began), (thread(8), id(8)));
}

#[tokio::test]
async fn usage_is_summed_by_person_and_session_and_what_is_missing_is_counted() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let one = played(&state, 1, 7, 7, (1, true)).await;
    let other = played(&state, 1, 8, 8, (2, true)).await;
    let hers = played(&state, 2, 7, 9, (1, true)).await;
    let spent =
        |input, nanos| Some(Spent { input, output: 2, cost: Some(("USD".to_owned(), nanos)) });
    let context = Some(Context { used: 5, size: 10 });
    state.record_usage(one, spent(10, 100), context).await.unwrap();
    state.record_usage(one, None, None).await.unwrap();
    state.record_usage(other, spent(u64::MAX, 1), None).await.unwrap();
    state.record_usage(hers, spent(1000, 0), None).await.unwrap();
    state.end_turn(one, Outcome::Complete).await.unwrap();
    let (here, full) = state.usage_of_conversation(user(1), thread(7)).await.unwrap().unwrap();
    assert_eq!((here.turns, here.unreported, here.input, here.output), (2, 1, 10, 2));
    assert_eq!((here.costs.get("USD"), full), (Some(&100), context));
    let all = state.usage_of_person(user(1), 1).await.unwrap();
    assert_eq!((all.turns, all.unreported, all.output), (3, 1, 4));
    assert!(all.input > 1_000_000 && all.input < u64::MAX / 2, "bounded: {}", all.input);
    assert_eq!(state.usage_of_person(user(3), 30).await.unwrap().turns, 0);
    assert_eq!(state.usage_of_conversation(user(1), thread(9)).await.unwrap(), None);
}

#[tokio::test]
async fn what_goose_was_told_before_it_began_anew_does_not_count() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let seen = |seen| Told { seen: Some(seen), ..Told::default() };
    let first = played(&state, 1, 7, 7, (1, true)).await;
    state.turn_sent(first, seen(700)).await.unwrap();
    state.end_turn(first, Outcome::Complete).await.unwrap();
    assert_eq!(state.told(user(1), thread(7)).await.unwrap().seen, Some(700));
    let anew = open(&state, 7, 8, true).await;
    state.turn_sent(anew, seen(50)).await.unwrap();
    let (user, thread) = (user(1), thread(7));
    let session = session(2);
    let history = History::New;
    let ready = Ready { user, thread, turn: anew, session, history, model: None };
    state.session_ready(ready).await.unwrap();
    assert_eq!(state.told(user, thread).await.unwrap().seen, Some(50), "nor if it fails");
    state.end_turn(anew, Outcome::Complete).await.unwrap();
    assert_eq!(state.told(user, thread).await.unwrap().seen, Some(50), "its own counts");
}
