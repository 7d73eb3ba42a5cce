//! Frames on a session socket that no honest frontend sends.
//!
//! Trust: none in the frontend; a worker gives up the session, and no other
//! worker notices.

use anyhow::Result;
use gaggle_ipc::codec::VERSION;
use gaggle_ipc::session::{MAX_THREADS, PermissionChoice, Settings, ToWorker};
use gaggle_ipc::{ThreadId, TurnId};
use gaggle_tests::lab::probe::frame;
use gaggle_tests::lab::{Lab, Probe};

use super::CONFIGURE;
use super::injection::{prompt, scripted};

/// A turn on bob's session goes as it should.
fn bob_is_served(probe: &mut Probe, letter: char, after: &str) -> Result<()> {
    probe.to_worker(0, &prompt(letter, "hello", None)?)?;
    let ended = probe.from_session(0, &["TurnEnded"])?;
    assert!(ended.contains("Complete"), "after {after}: {ended}");
    Ok(())
}

#[test]
fn f24_a_bad_frame_ends_the_session_that_it_came_on_and_no_other() -> Result<()> {
    let people = ["carol", "dave", "erin", "frank", "grace", "heidi"];
    let builder = people.iter().fold(Lab::builder(), |builder, name| builder.person(name));
    let Some((lab, _folder)) = scripted(builder)? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    probe.worker_of(&lab.person("bob")?)?;
    probe.to_worker(0, &[CONFIGURE])?;
    bob_is_served(&mut probe, 'a', "nothing at all")?;
    let configure = frame(&CONFIGURE);
    let mut version = configure.clone();
    version[0] = VERSION + 1;
    let cases = [
        ("a frame over the limit", vec![VERSION; 70_000]),
        ("no frame at all", vec![VERSION, 0xff, 0xff, 0xff, 0xff]),
        ("another version", version),
        ("trailing bytes", [configure.clone(), vec![0]].concat()),
        ("a cut frame", configure[..configure.len() - 1].to_vec()),
        ("a prompt before the settings", frame(&prompt('a', "x", None)?[0])),
    ];
    for (session, ((what, packet), name)) in (1..).zip(cases.iter().zip(people)) {
        assert!(probe.worker_of(&lab.person(name)?)?.starts_with("Started"));
        assert!(probe.from_session(session, &["Hello"])?.starts_with("Hello"));
        if session < 6 {
            probe.to_worker(session, &[CONFIGURE])?;
        }
        assert_eq!(probe.to_session(session, packet)?, "sent", "{what}");
        let exited = probe.receive()?;
        let worker = format!("WorkerId({})", session + 1);
        assert!(exited.contains(&worker) && exited.contains("Status(1)"), "{what}: {exited}");
        assert_eq!(probe.from_session(session, &[])?, "end", "{what}");
        let letter = char::from(b'b' + u8::try_from(session)?);
        bob_is_served(&mut probe, letter, what)?;
    }
    Ok(())
}

#[test]
fn f24_frames_out_of_order_are_answered_or_passed_over() -> Result<()> {
    let Some((lab, _folder)) = scripted(Lab::builder())? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    probe.worker_of(&lab.person("bob")?)?;
    let (thread, turn) = (ThreadId::new(&"z".repeat(26))?, TurnId(9));
    let choice = PermissionChoice::Allow;
    let [part, prompt_alone] = prompt('y', "x", None)?;
    probe.to_worker(
        0,
        &[
            CONFIGURE,
            CONFIGURE,
            ToWorker::Cancel { thread, turn },
            ToWorker::PermissionReply { thread, turn, ask: 7, choice },
            ToWorker::CloseThread { thread },
            prompt_alone,
        ],
    )?;
    // A prompt without text is an answer's worth; the rest meant nothing.
    let ended = probe.from_session(0, &["TurnEnded"])?;
    assert!(ended.contains("PromptTooLong"), "{ended}");
    // More unfinished prompts than there is room for: it costs this session
    // new ones, until one of them is given up.
    let ToWorker::PromptPart { text, .. } = part else { panic!("no part") };
    for number in 0..200 {
        let thread = ThreadId::new(&format!("{number:026}"))?;
        probe.to_worker(0, &[ToWorker::PromptPart { thread, turn, text: text.clone() }])?;
    }
    probe.to_worker(0, &prompt('a', "hello", None)?)?;
    let ended = probe.from_session(0, &["TurnEnded"])?;
    assert!(ended.contains("PromptTooLong"), "{ended}");
    probe.to_worker(0, &[ToWorker::Cancel { thread: ThreadId::new(&"0".repeat(26))?, turn }])?;
    assert!(probe.from_session(0, &["TurnEnded"])?.contains("Cancelled"));
    bob_is_served(&mut probe, 'b', "all that")
}

#[test]
fn f24_settings_at_the_edge_and_more_threads_than_there_is_room_for_are_survived() -> Result<()> {
    let Some((lab, _folder)) = scripted(Lab::builder())? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    for name in ["bob", "alice"] {
        assert!(probe.worker_of(&lab.person(name)?)?.starts_with("Started"));
    }
    probe.to_worker(0, &[CONFIGURE])?;
    for (inactivity_ms, idle_ms) in [(0, 0), (u32::MAX, u32::MAX), (0, u32::MAX), (60_000, 0)] {
        let settings = Settings { inactivity_ms, idle_ms, spare: true };
        probe.to_worker(1, &[ToWorker::Configure(settings)])?;
        probe.to_worker(1, &prompt('a', "hello", None)?)?;
        assert!(probe.from_session(1, &["TurnEnded"])?.starts_with("TurnEnded"));
    }
    probe.to_worker(1, &[CONFIGURE])?;
    let flood = MAX_THREADS + 100;
    for number in 0..flood {
        let thread = ThreadId::new(&format!("{number:026}"))?;
        let mut frames = prompt('b', "hello", None)?;
        for frame in &mut frames {
            if let ToWorker::PromptPart { thread: t, .. } | ToWorker::Prompt { thread: t, .. } =
                frame
            {
                *t = thread;
            }
        }
        probe.to_worker(1, &frames)?;
    }
    bob_is_served(&mut probe, 'a', "a flood of threads at another worker")?;
    // Each of them comes to its end.
    for _ in 0..flood {
        assert!(probe.from_session(1, &["TurnEnded"])?.starts_with("TurnEnded"));
    }
    assert!(probe.list()?.contains("[WorkerId(1), WorkerId(2)]"));
    Ok(())
}
