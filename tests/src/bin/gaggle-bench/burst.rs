//! Many messages at once: whether each is answered, and once.
//!
//! Trust: what counts is what the server has in the end, not what was heard.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::{sleep, sleep_until};

use super::ear::{Ear, Heard};
use super::figures::{Figures, milliseconds, quantile};
use super::gaggle::{Gaggle, Settings};
use super::question::new_word;
use super::world::{TALKING, World};

/// Who write, by turns.
const PEOPLE: usize = 6;
/// What is not answered a minute after the last answer will not be.
const LOST: Duration = Duration::from_secs(60);
/// Answers that come twice come soon.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// So many messages, so long apart, with each number of channels and on each way.
pub(crate) fn measure(
    programs: &Path,
    channels: &[usize],
    messages: usize,
    apart: Duration,
) -> Result<Figures> {
    let runtime = Runtime::new()?;
    let mut figures = Figures::default();
    let delay = Some(Duration::from_millis(15));
    let polling = "websocket = false";
    for count in channels {
        let world = runtime.block_on(World::make(PEOPLE, *count))?;
        figures.remark(&world.server.name);
        for (way, mattermost, through) in [
            ("WebSocket", "", None),
            ("WebSocket, 30 ms away", "", delay),
            ("polling", polling, None),
            ("polling, 30 ms away", polling, delay),
        ] {
            let settings = Settings { mattermost, through, ..Settings::default() };
            let gaggle = Gaggle::start(&runtime, &world, programs, &settings)?;
            let burst = runtime.block_on(burst(&world, messages, apart));
            let burst = burst.with_context(|| gaggle.last_words())?;
            let name = format!("{count} channels, {way}");
            figures.limit(format!("{name}: lost"), burst.lost, "", 0.0);
            figures.limit(format!("{name}: answered twice"), burst.doubled, "", 0.0);
            let feedback = milliseconds(&burst.feedback);
            figures.note(format!("{name}: first sign, p50"), quantile(&feedback, 0.5), "ms");
            figures.note(format!("{name}: first sign, p95"), quantile(&feedback, 0.95), "ms");
        }
    }
    Ok(figures)
}

/// How it went.
struct Burst {
    lost: f64,
    doubled: f64,
    feedback: Vec<Duration>,
}

/// A message that was sent.
struct Sent {
    channel: String,
    word: String,
    at: Instant,
}

async fn burst(world: &World, messages: usize, apart: Duration) -> Result<Burst> {
    // One who is in all channels in which is talked hears all.
    let mut ear = Ear::open(&world.server.api, world.first_person()?).await?;
    let sent = send(world, messages, apart).await?;
    let mut heard: Vec<Heard> = Vec::new();
    let mut open: Vec<&str> = sent.values().map(|sent| sent.word.as_str()).collect();
    while !open.is_empty() {
        let Some(next) = ear.next_within(LOST).await else { break };
        if next.user == world.bot.id {
            open.retain(|word| !next.message.contains(word));
            heard.push(next);
        }
    }
    sleep(AFTERWARDS).await;
    let first = |asked: &String| {
        let here = heard.iter().filter(|heard| heard.new && heard.answers.as_ref() == Some(asked));
        here.map(|heard| heard.at).min()
    };
    let feedback = sent
        .iter()
        .filter_map(|(asked, sent)| Some(first(asked)?.saturating_duration_since(sent.at)));
    let feedback = feedback.collect();
    let (lost, doubled) = count(world, &sent).await?;
    Ok(Burst { lost, doubled, feedback })
}

/// Sends in time, whether the server keeps up or not; the posts' ids.
async fn send(world: &World, messages: usize, apart: Duration) -> Result<HashMap<String, Sent>> {
    let begin = tokio::time::Instant::now();
    let mut sending = Vec::new();
    let writers = world.people.iter().cycle().zip(world.channels.iter().take(TALKING).cycle());
    for (number, (person, channel)) in (0..).zip(writers.take(messages)) {
        sleep_until(begin + apart * number).await;
        let (api, person, channel) = (world.server.api.clone(), person.clone(), channel.clone());
        let word = new_word();
        let question = world.question(&word);
        sending.push(tokio::spawn(async move {
            let at = Instant::now();
            let post = api.write(&person, &channel, None, &question).await?;
            anyhow::Ok((post, Sent { channel, word, at }))
        }));
    }
    let mut sent = HashMap::new();
    for one in sending {
        let (post, one) = one.await??;
        sent.insert(post, one);
    }
    Ok(sent)
}

/// How many were never answered, and how many more than once.
async fn count(world: &World, sent: &HashMap<String, Sent>) -> Result<(f64, f64)> {
    let (mut lost, mut doubled) = (0.0, 0.0);
    for (asked, sent) in sent {
        let path = format!("/posts/{asked}/thread");
        let thread = world.server.api.get(world.first_person()?, &path).await?;
        let posts = thread["posts"].as_object().context("a thread without posts")?;
        let own = |post: &&Value| post["user_id"] == world.bot.id;
        let own: Vec<&Value> = posts.values().filter(own).collect();
        let whole =
            |post: &&&Value| post["message"].as_str().is_some_and(|text| text.contains(&sent.word));
        let answers = own.iter().filter(whole).count();
        debug_assert!(own.iter().all(|post| post["channel_id"] == sent.channel));
        lost += f64::from(u8::from(answers == 0));
        // A second post of any kind is one too many for an answer this short.
        doubled += f64::from(u8::from(own.len() > 1));
    }
    Ok((lost, doubled))
}
