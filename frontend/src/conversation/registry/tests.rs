//! What a registry keeps, and what it refuses.

use super::*;
use crate::render::Phase;

fn key(user: char, thread: char) -> Key {
    let id = |c: char| c.to_string().repeat(26);
    Key {
        user: MattermostUserId::new(&id(user)).unwrap(),
        thread: ThreadId::new(&id(thread)).unwrap(),
    }
}

fn active(turn: u64) -> Active {
    Active {
        turn: TurnId(turn),
        asked: MattermostId::new(&"q".repeat(26)).unwrap(),
        channel: MattermostId::new(&"c".repeat(26)).unwrap(),
        view: watch::channel(Transcript::new(Phase::Queued)).1,
        stop: watch::Sender::new(Stop::No),
        begun: watch::Sender::new(false).subscribe(),
    }
}

#[test]
fn turns_of_a_thread_wait_and_their_number_is_bounded() {
    let registry = Registry::new(10);
    for turn in 0..MAX_TURNS {
        let joined = registry.join(key('a', 't'), active(turn as u64)).unwrap();
        assert_eq!(joined.ahead, turn);
        assert_eq!(joined.new.is_some(), turn == 0);
    }
    let full = registry.join(key('a', 't'), active(99)).unwrap_err();
    assert_eq!(full, Refused::ThreadFull);
    // Somebody else in the same thread waits for nobody.
    assert_eq!(registry.join(key('b', 't'), active(100)).unwrap().ahead, 0);
}

#[test]
fn one_person_leaves_room_for_others() {
    let registry = Registry::new(1000);
    let mut threads = ('a'..='z').map(|letter| key('a', letter));
    for (turn, of) in threads.by_ref().take(MAX_OF_ONE).enumerate() {
        registry.join(of, active(turn as u64)).unwrap();
    }
    let another = threads.next().unwrap();
    assert_eq!(registry.join(another, active(98)).unwrap_err(), Refused::OwnBusy);
    registry.join(key('b', 'a'), active(99)).unwrap();
    registry.leave(key('a', 'a'), TurnId(0));
    registry.join(another, active(98)).unwrap();
}

#[test]
fn the_idle_thread_unused_longest_makes_room() {
    let registry = Registry::new(2);
    registry.join(key('a', 'x'), active(1)).unwrap();
    registry.join(key('a', 'y'), active(2)).unwrap();
    let busy = registry.join(key('a', 'z'), active(3)).unwrap_err();
    assert_eq!(busy, Refused::AllBusy);
    registry.leave(key('a', 'y'), TurnId(2));
    registry.leave(key('a', 'x'), TurnId(1));
    let joined = registry.join(key('a', 'z'), active(3)).unwrap();
    assert_eq!(joined.evicted, Some(key('a', 'y')));
    assert!(registry.knows(key('a', 'x')) && !registry.knows(key('a', 'y')));
}

#[test]
fn a_person_is_quiet_a_while_after_the_last_turn() {
    let registry = Registry::new(10);
    let user = key('a', 't').user;
    assert!(registry.is_quiet(user, Duration::ZERO));
    registry.join(key('a', 't'), active(1)).unwrap();
    registry.join(key('a', 'u'), active(2)).unwrap();
    registry.leave(key('a', 't'), TurnId(1));
    assert!(!registry.is_quiet(user, Duration::ZERO), "one still runs");
    registry.leave(key('a', 'u'), TurnId(2));
    assert!(registry.is_quiet(user, Duration::ZERO));
    assert!(!registry.is_quiet(user, Duration::from_secs(3600)));
    registry.join(key('b', 't'), active(3)).unwrap();
    assert!(registry.is_quiet(user, Duration::ZERO), "somebody else's counts");
    registry.forget_others(&[]);
    assert!(registry.is_quiet(user, Duration::from_secs(3600)), "it is forgotten");
}

#[test]
fn stopping_reaches_the_running_turn_of_that_person_alone() {
    let registry = Registry::new(10);
    let (first, second, other) = (active(1), active(2), active(3));
    let stops = [&first, &second, &other].map(|active| active.stop.subscribe());
    registry.join(key('a', 't'), first).unwrap();
    registry.join(key('a', 't'), second).unwrap();
    registry.join(key('b', 't'), other).unwrap();
    assert!(registry.stop(key('a', 't')));
    let seen = stops.map(|stop| *stop.borrow());
    assert_eq!(seen, [Stop::Person, Stop::No, Stop::No]);
    assert!(!registry.stop(key('c', 't')));
}
