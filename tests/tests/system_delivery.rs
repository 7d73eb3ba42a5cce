//! What is asked is answered once, and what is answered arrives whole.

use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Answer, Lab, wait};
use gaggle_tests::mattermost::{Id, NewPost, Visibility};

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
    let post = |number: usize, create_at: Option<i64>| -> Result<(usize, Id)> {
        let person = lab.person(PEOPLE[number % PEOPLE.len()])?.mattermost.id;
        let channel = channels[number * 7 % channels.len()];
        let message = format!("@goose message-{number:02}");
        let new = NewPost { message, create_at, ..NewPost::default() };
        Ok((number, simulator.post_with(person, channel, new)?))
    };
    let in_time = (0..60_usize).filter(|number| number % 4 != 3);
    let mut roots = in_time.map(|number| post(number, None)).collect::<Result<Vec<_>>>()?;
    all_answered(&lab, &roots)?;
    // The others become visible late: older than what was read in the same
    // channel already, though younger than the bot's joining it.
    for number in (0..60).filter(|number| number % 4 == 3) {
        let channel = channels[number * 7 % channels.len()];
        let talk = simulator.post(lab.person("alice")?.mattermost.id, channel, "just talk")?;
        let read = || simulator.get(talk).map(|post| post.create_at);
        let talked_at = read().context("the talk")?;
        roots.push(post(number, Some(talked_at - 1))?);
    }
    all_answered(&lab, &roots)?;
    for (number, root) in &roots {
        let bot = simulator.thread(*root).iter().filter(|p| p.user_id == lab.bot.id).count();
        assert_eq!(bot, 1, "message {number}");
    }
    Ok(())
}

fn all_answered(lab: &Lab, asked: &[(usize, Id)]) -> Result<()> {
    let missing = || {
        let open = asked.iter().filter(|(number, root)| {
            let answer = Answer::to(&lab.simulator, lab.bot.id, *root, *root);
            !answer.is_whole() || !answer.text().contains(&format!("message-{number:02}"))
        });
        open.map(|(number, _)| *number).collect::<Vec<_>>()
    };
    wait::until(Duration::from_secs(180), || missing().is_empty().then_some(()))
        .with_context(|| format!("{:?} are not answered\n{}", missing(), lab.logs()))
}
