//! The questions whether a tool may run: which are open, and who decided what.
//!
//! Trust: the person whose turn it is decides, and nobody else: a reaction or a
//! command of anybody else changes nothing. The first decision counts. The ledger
//! has each question and what became of it; what was allowed for a thread is
//! known to this process alone, and ends with it.

mod asking;
mod question;
mod showing;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use tokio::sync::watch;

use super::Key;
use crate::mattermost::{Emoji, Reaction};

pub(super) use asking::Asked;
pub(super) use showing::PROP_ASK;

/// The bot's own reactions, to be clicked.
const ONCE: Emoji = Emoji::new("+1");
const THREAD: Emoji = Emoji::new("white_check_mark");
const NO: Emoji = Emoji::new("-1");
/// Most questions of one turn that are open at once; a worker keeps to it, too.
const MOST_OPEN: usize = 16;
/// Noes in a row, after which the questions of a turn are answered with no unseen:
/// nobody shall be worn out.
const MOST_NOES: u32 = 3;
/// Most conversations whose permissions are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// This call, this once.
    Once,
    /// This tool, for the rest of the thread.
    Thread,
    /// Not this call.
    No,
}

impl Decision {
    /// What a reaction means; `None` if it is no button. Skin tones make names
    /// of their own.
    fn of(emoji: &str) -> Option<Self> {
        let is = |name: &str| {
            emoji.strip_prefix(name).is_some_and(|tone| tone.is_empty() || tone.starts_with('_'))
        };
        if is("+1") || is("thumbsup") {
            Some(Self::Once)
        } else if emoji == THREAD.as_str() || emoji == "heavy_check_mark" {
            Some(Self::Thread)
        } else if is("-1") || is("thumbsdown") || emoji == "x" {
            Some(Self::No)
        } else {
            None
        }
    }

    /// What several reactions of one person mean, in doubt no.
    fn of_all<'a>(reactions: impl Iterator<Item = &'a Reaction>) -> Option<Self> {
        let all: Vec<_> = reactions.filter_map(|reaction| Self::of(&reaction.emoji)).collect();
        let has = |decision| all.contains(&decision).then_some(decision);
        has(Self::No).or_else(|| has(Self::Once)).or_else(|| has(Self::Thread))
    }
}

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It decided; the question's post says so.
    Decided,
    /// Several questions are open: which one?
    Which,
    /// There is no such question.
    Nothing,
}

#[derive(Debug)]
struct Open {
    key: Key,
    turn: TurnId,
    posts: Vec<MattermostId>,
    decided: watch::Sender<Option<Decision>>,
}

#[derive(Debug, Default)]
struct Book {
    /// By what people type.
    open: HashMap<String, Open>,
    allowed: HashMap<Key, HashSet<String>>,
    /// Noes in a row.
    noes: HashMap<TurnId, u32>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Approvals(Mutex<Book>);

impl Approvals {
    /// Opens a question under a name that no other one has; `None` if too many of
    /// its turn are open.
    fn open(&self, key: Key, turn: TurnId) -> Option<(String, watch::Receiver<Option<Decision>>)> {
        let (decided, decision) = watch::channel(None);
        let mut book = self.0.lock().ok()?;
        if book.open.values().filter(|open| open.turn == turn).count() >= MOST_OPEN {
            return None;
        }
        let name = loop {
            let name = question::name();
            if !book.open.contains_key(&name) {
                break name;
            }
        };
        book.open.insert(name.clone(), Open { key, turn, posts: Vec::new(), decided });
        Some((name, decision))
    }

    /// The question stands in this post, too.
    fn stands(&self, name: &str, post: MattermostId) {
        if let Ok(mut book) = self.0.lock()
            && let Some(open) = book.open.get_mut(name)
        {
            open.posts.push(post);
        }
    }

    fn close(&self, name: &str) {
        if let Ok(mut book) = self.0.lock() {
            book.open.remove(name);
        }
    }

    /// A turn waits for its person.
    pub(super) fn waits(&self, turn: TurnId) -> bool {
        self.0.lock().is_ok_and(|book| book.open.values().any(|open| open.turn == turn))
    }

    /// Somebody reacted to something.
    pub(super) fn reacted(&self, reaction: &Reaction) {
        let Ok(book) = self.0.lock() else { return };
        let mut open = book.open.values();
        let meant = open.find(|open| {
            open.posts.contains(&reaction.post) && open.key.user == reaction.user.into()
        });
        if let (Some(open), Some(decision)) = (meant, Decision::of(&reaction.emoji)) {
            decide(open, decision);
        }
    }

    /// Somebody typed a decision; without a name it is about the one that is open
    /// in the thread.
    pub(super) fn typed(&self, key: Key, name: Option<&str>, decision: Decision) -> Told {
        let Ok(book) = self.0.lock() else { return Told::Nothing };
        let own = book.open.iter().filter(|(_, open)| open.key.user == key.user);
        let meant: Vec<_> = match name {
            Some(name) => own.filter(|(known, _)| *known == name).collect(),
            None => own.filter(|(_, open)| open.key.thread == key.thread).collect(),
        };
        match meant.as_slice() {
            [] => Told::Nothing,
            [(_, open)] => {
                decide(open, decision);
                Told::Decided
            }
            _ => Told::Which,
        }
    }

    /// What people type to mean the questions of `user` that are open: in this
    /// thread, or all.
    pub(super) fn names(&self, user: MattermostUserId, thread: Option<ThreadId>) -> Vec<String> {
        let Ok(book) = self.0.lock() else { return Vec::new() };
        let own = book.open.iter().filter(|(_, open)| {
            open.key.user == user && thread.is_none_or(|thread| open.key.thread == thread)
        });
        let mut names: Vec<_> = own.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// A question of the turn was decided. Returns whether the next ones are not
    /// asked any more.
    fn count(&self, turn: TurnId, allowed: bool) -> bool {
        let Ok(mut book) = self.0.lock() else { return true };
        if allowed {
            book.noes.remove(&turn);
            return false;
        }
        let noes = book.noes.entry(turn).or_default();
        *noes += 1;
        *noes >= MOST_NOES
    }

    fn is_worn_out(&self, turn: TurnId) -> bool {
        let noes = |book: &Book| book.noes.get(&turn).is_some_and(|noes| *noes >= MOST_NOES);
        self.0.lock().is_ok_and(|book| noes(&book))
    }

    /// The turn is over.
    pub(super) fn forget(&self, turn: TurnId) {
        if let Ok(mut book) = self.0.lock() {
            book.noes.remove(&turn);
        }
    }

    fn remember(&self, key: Key, tool: &str) {
        if let Ok(mut book) = self.0.lock() {
            if book.allowed.len() >= MAX_REMEMBERED {
                // Asking once more harms nobody.
                book.allowed.clear();
            }
            book.allowed.entry(key).or_default().insert(tool.to_owned());
        }
    }

    fn remembers(&self, key: Key, tool: &str) -> bool {
        let has = |book: &Book| book.allowed.get(&key).is_some_and(|tools| tools.contains(tool));
        self.0.lock().is_ok_and(|book| has(&book))
    }
}

/// The first decision counts.
fn decide(open: &Open, decision: Decision) {
    open.decided.send_if_modified(|decided| {
        let first = decided.is_none();
        if first {
            *decided = Some(decision);
        }
        first
    });
}

#[cfg(test)]
mod tests {
    use gaggle_ipc::{MattermostUserId, ThreadId};

    use super::*;

    fn id(c: char) -> MattermostId {
        MattermostId::new(&c.to_string().repeat(26)).unwrap()
    }

    fn key(user: char, thread: char) -> Key {
        Key { user: MattermostUserId::from(id(user)), thread: ThreadId::from(id(thread)) }
    }

    fn reaction(user: char, post: char, emoji: &str) -> Reaction {
        Reaction { user: id(user), post: id(post), emoji: emoji.to_owned(), create_at: 0 }
    }

    #[test]
    fn the_person_alone_decides_and_the_first_word_counts() {
        let approvals = Approvals::default();
        let (name, decision) = approvals.open(key('a', 't'), TurnId(1)).unwrap();
        approvals.stands(&name, id('p'));
        approvals.reacted(&reaction('b', 'p', "+1"));
        approvals.reacted(&reaction('a', 'q', "+1"));
        approvals.reacted(&reaction('a', 'p', "tada"));
        assert_eq!(approvals.typed(key('b', 't'), Some(&name), Decision::Once), Told::Nothing);
        assert_eq!(*decision.borrow(), None);
        approvals.reacted(&reaction('a', 'p', "-1"));
        approvals.reacted(&reaction('a', 'p', "+1"));
        assert_eq!(approvals.typed(key('a', 't'), Some(&name), Decision::Once), Told::Decided);
        assert_eq!(*decision.borrow(), Some(Decision::No));
    }

    #[test]
    fn open_questions_of_a_turn_are_bounded() {
        let approvals = Approvals::default();
        let open = |turn| approvals.open(key('a', 't'), TurnId(turn));
        let names: Vec<_> = (0..MOST_OPEN).filter_map(|_| open(1)).map(|(name, _)| name).collect();
        assert_eq!(names.len(), MOST_OPEN);
        assert!(open(1).is_none());
        assert!(open(2).is_some(), "another turn has its own");
        approvals.close(&names[0]);
        assert!(open(1).is_some());
    }

    #[test]
    fn a_command_without_a_name_means_the_one_question_of_its_thread() {
        let approvals = Approvals::default();
        let (first, one) = approvals.open(key('a', 't'), TurnId(1)).unwrap();
        let (_, other) = approvals.open(key('a', 'u'), TurnId(2)).unwrap();
        assert_eq!(approvals.typed(key('a', 'v'), None, Decision::Once), Told::Nothing);
        let (_, second) = approvals.open(key('a', 't'), TurnId(3)).unwrap();
        assert_eq!(approvals.typed(key('a', 't'), None, Decision::Once), Told::Which);
        approvals.close(&first);
        assert_eq!(approvals.typed(key('a', 't'), None, Decision::Once), Told::Decided);
        let seen = [one, other, second].map(|decision| *decision.borrow());
        assert_eq!(seen, [None, None, Some(Decision::Once)]);
    }

    #[test]
    fn what_is_remembered_is_one_tool_in_one_thread_of_one_person() {
        let approvals = Approvals::default();
        approvals.remember(key('a', 't'), "shell");
        assert!(approvals.remembers(key('a', 't'), "shell"));
        for (key, tool) in
            [(key('a', 't'), "write"), (key('a', 'u'), "shell"), (key('b', 't'), "shell")]
        {
            assert!(!approvals.remembers(key, tool), "{key:?} {tool}");
        }
    }

    #[test]
    fn after_three_noes_in_a_row_a_turn_asks_no_more() {
        let approvals = Approvals::default();
        let turn = TurnId(1);
        assert!(!approvals.count(turn, false) && !approvals.count(turn, false));
        assert!(!approvals.count(turn, true), "in a row");
        assert!(!approvals.count(turn, false) && !approvals.count(turn, false));
        assert!(!approvals.is_worn_out(turn));
        assert!(approvals.count(turn, false) && approvals.is_worn_out(turn));
        assert!(!approvals.is_worn_out(TurnId(2)));
        approvals.forget(turn);
        assert!(!approvals.is_worn_out(turn));
    }

    #[test]
    fn buttons_in_every_skin_and_in_doubt_no() {
        for (emoji, wanted) in [
            ("+1", Some(Decision::Once)),
            ("+1_medium_skin_tone", Some(Decision::Once)),
            ("thumbsup", Some(Decision::Once)),
            ("white_check_mark", Some(Decision::Thread)),
            ("-1_dark_skin_tone", Some(Decision::No)),
            ("+100", None),
            ("eyes", None),
        ] {
            assert_eq!(Decision::of(emoji), wanted, "{emoji}");
        }
        let both = [reaction('a', 'p', "+1"), reaction('a', 'p', "-1")];
        assert_eq!(Decision::of_all(both.iter()), Some(Decision::No));
        let both = [reaction('a', 'p', "white_check_mark"), reaction('a', 'p', "+1")];
        assert_eq!(Decision::of_all(both.iter()), Some(Decision::Once));
    }
}
