//! What is asked is answered once, and what is answered arrives whole.

use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Lab, wait};
use gaggle_tests::mattermost::{NewPost, Visibility};

/// Mattermost's limit, in characters.
const MAX_POST: usize = 16_383;

#[test]
fn forty_thousand_characters_arrive_whole_and_every_fence_is_closed() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let thread = lab.ask("alice", "!!markdown size=40000 n=200")?;
    thread.shows("The end.")?;
    thread.answer()?;
    let posts = thread.so_far().posts;
    assert!(posts.len() >= 3);
    for post in &posts {
        assert!(post.message.chars().count() <= MAX_POST);
        assert_eq!(post.message.matches("```").count() % 2, 0, "{}", post.message);
    }
    let text = thread.so_far().text();
    let lines = text.lines().filter(|line| line.starts_with("let line_"));
    let mut expected = (1..).flat_map(|section| (0..20).map(move |line| (section, line)));
    for line in lines {
        let (section, number) = expected.next().context("endless")?;
        assert_eq!(line, format!("let line_{section}_{number} = {number};"));
    }
    let (section, number) = expected.next().context("endless")?;
    assert!(section > 40 && number == 0, "ends at section {section}, line {number}");
    Ok(())
}

#[test]
fn sixty_messages_of_six_people_in_fifty_channels_are_answered_once() -> Result<()> {
    const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let builder = PEOPLE.iter().skip(2).fold(Lab::builder(), |b, name| b.person(name));
    let Some(lab) = builder.supervisor("max_goose_per_worker = 2").start_if_possible()? else {
        return Ok(());
    };
    let simulator = &lab.simulator;
    let mut channels = Vec::new();
    for number in 0..50 {
        let channel =
            simulator.create_channel(lab.team, &format!("c{number}"), Visibility::Public)?;
        simulator.add_to_channel(channel, lab.bot.id)?;
        for name in PEOPLE {
            simulator.add_to_channel(channel, lab.person(name)?.mattermost.id)?;
        }
        channels.push(channel);
    }
    let mut roots = Vec::new();
    for number in 0..60_usize {
        let person = lab.person(PEOPLE[number % PEOPLE.len()])?.mattermost.id;
        let message = format!("@goose message-{number:02}");
        let mut new = NewPost { message, ..NewPost::default() };
        let channel = channels[number * 7 % channels.len()];
        // Every fourth becomes visible late: older than what was read already.
        if number % 4 == 3 {
            let last = simulator.posts(channel).last().map(|post| post.create_at);
            new.create_at = last.map(|time| time - 1);
        }
        roots.push((number, simulator.post_with(person, channel, new)?));
    }
    let answers = |number: usize, root| {
        let thread = simulator.thread(root);
        let wanted = format!("echo: message-{number:02}");
        thread.iter().filter(|post| post.message.contains(&wanted)).count()
    };
    let all = || roots.iter().all(|(number, root)| answers(*number, *root) > 0).then_some(());
    let missing = || roots.iter().filter(|(n, root)| answers(*n, *root) == 0).count();
    wait::until(Duration::from_secs(240), all)
        .with_context(|| format!("{} are not answered\n{}", missing(), lab.logs()))?;
    for (number, root) in &roots {
        assert_eq!(answers(*number, *root), 1);
        let bot = simulator.thread(*root).iter().filter(|p| p.user_id == lab.bot.id).count();
        assert_eq!(bot, 1, "message {number}");
    }
    Ok(())
}
