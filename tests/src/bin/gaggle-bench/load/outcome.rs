//! What became of every question.
//!
//! Trust: what counts is what the server has in the end, and what the agents
//! were asked, not what was heard.

use std::collections::{HashMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::gaggle::Gaggle;
use super::crowd::{Crowd, Exchange, times};

/// Of all questions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    /// Without an answer, or with one that lacks something.
    pub(super) lost: u32,
    /// Answered twice, in whole or in part, or asked twice of an agent.
    pub(super) doubled: u32,
}

/// How often agents were asked for which word.
pub(super) type Prompts = HashMap<String, u32>;

/// What the stubs of these accounts wrote down.
pub(super) fn prompts(gaggle: &Gaggle, accounts: &[String]) -> Prompts {
    let mut prompts = Prompts::new();
    for account in accounts {
        let file = format!("/home/{account}/workspace/prompts");
        // Not there: nobody was asked.
        let text = fs::read_to_string(gaggle.lab.namespace.seen(file)).unwrap_or_default();
        for word in text.lines() {
            *prompts.entry(word.to_owned()).or_default() += 1;
        }
    }
    prompts
}

/// Looks at the thread of each.
pub(super) async fn of(
    crowd: &Crowd<'_>,
    round: &[Exchange],
    prompts: &Prompts,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for exchange in round {
        let person = crowd.world.people.get(exchange.person).context("nobody asked")?;
        let path = format!("/posts/{}/thread", exchange.root);
        let thread = crowd.world.server.api.get(person, &path).await?;
        let posts = thread["posts"].as_object().context("a thread without posts")?;
        let ours: Vec<&Value> = posts
            .values()
            .filter(|post| post["user_id"] == crowd.bot.id)
            .filter(|post| post["props"]["gaggle_turn"] == exchange.asked)
            .collect();
        let asked = prompts.get(&exchange.word).copied().unwrap_or(0);
        let found = judge(&ours, &exchange.word, asked);
        outcome.lost += u32::from(found.0);
        outcome.doubled += u32::from(found.1);
    }
    Ok(outcome)
}

/// Whether an answer of these posts is lost, and whether it is doubled.
fn judge(posts: &[&Value], word: &str, asked: u32) -> (bool, bool) {
    let part = |post: &&Value| post["props"]["gaggle_part"].as_str().unwrap_or_default().to_owned();
    let parts: Vec<String> = posts.iter().map(part).collect();
    // Of a long turn the first post keeps the progress alone.
    let long = parts.iter().any(|part| part.starts_with("final"));
    let said: usize = (posts.iter().zip(&parts))
        .filter(|(_, part)| !long || part.starts_with("final"))
        .map(|(post, _)| post["message"].as_str().unwrap_or_default().matches(word).count())
        .sum();
    let done = posts.iter().any(|post| post["props"]["gaggle_done"] == "complete");
    let twice = parts.iter().collect::<HashSet<_>>().len() < parts.len();
    let whole = times(word);
    (!done || said < whole, twice || said > whole || asked > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const WORD: &str = "abcdefghijkl";

    fn post(part: &str, words: usize, done: bool) -> Value {
        let message = vec![WORD; words].join(" ");
        let mut post = json!({ "message": message, "props": { "gaggle_part": part } });
        if done {
            post["props"]["gaggle_done"] = json!("complete");
        }
        post
    }

    #[test]
    fn what_is_lost_or_doubled_is_told_from_what_is_whole() {
        let all = times(WORD);
        let mut cut_short = post("answer-0", all, true);
        cut_short["props"]["gaggle_done"] = json!("interrupted");
        for (posts, asked, expected) in [
            (vec![post("answer-0", all, true)], 1, (false, false)),
            (vec![post("answer-0", 0, true), post("final-0", all, false)], 1, (false, false)),
            (vec![], 0, (true, false)),
            (vec![post("answer-0", all, false)], 1, (true, false)),
            (vec![cut_short], 1, (true, false)),
            (vec![post("answer-0", all - 1, true)], 1, (true, false)),
            (vec![post("answer-0", all + 1, true)], 1, (false, true)),
            (vec![post("answer-0", all, true)], 2, (false, true)),
            (vec![post("answer-0", all, true), post("answer-0", 0, false)], 1, (false, true)),
        ] {
            let posts: Vec<&Value> = posts.iter().collect();
            assert_eq!(judge(&posts, WORD, asked), expected, "{posts:?}");
        }
    }
}
