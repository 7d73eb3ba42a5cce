//! The table of commands: one row for what a person could type.

use std::collections::HashSet;

use super::*;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn named(model: &str) -> ModelWish {
    ModelWish::Named(ModelName::new(model).unwrap())
}

#[test]
fn commands_in_any_case_and_with_blanks_around() {
    for (text, want) in [
        ("!stop", Command::Stop),
        ("  !STOP \n", Command::Stop),
        ("!Stop!", Command::Stop),
        ("!stop please", Command::Stop),
        ("!help", Command::Help(None)),
        ("!help stop", Command::Help(some("stop"))),
        ("!HELP !Stop", Command::Help(some("stop"))),
        ("!help me please", Command::Misused("help")),
        ("!WhoAmI", Command::Whoami),
        ("!whoami bob", Command::Misused("whoami")),
        ("!approve", Command::Approve(None)),
        ("!Approve  ABCD please", Command::Approve(some("abcd"))),
        ("!deny abcd", Command::Deny(some("abcd"))),
        ("!new", Command::New(None)),
        ("!new fix it\n\nplease ", Command::New(some("fix it\n\nplease"))),
        ("!sessions", Command::Sessions),
        ("!sessions all", Command::Misused("sessions")),
        ("!resume 3", Command::Resume(3)),
        ("!resume #12", Command::Resume(12)),
        ("!resume", Command::Misused("resume")),
        ("!resume 0", Command::Misused("resume")),
        ("!resume +3", Command::Misused("resume")),
        ("!resume 99999999999", Command::Misused("resume")),
        ("!summarize", Command::Summarize(None)),
        ("!summarize 2h", Command::Summarize(Some(Since { count: 2, unit: Unit::Hours }))),
        ("!summarize 30MIN", Command::Summarize(Some(Since { count: 30, unit: Unit::Minutes }))),
        ("!summarize 1w", Command::Summarize(Some(Since { count: 1, unit: Unit::Weeks }))),
        ("!summarize 0d", Command::Misused("summarize")),
        ("!summarize d", Command::Misused("summarize")),
        ("!summarize yesterday", Command::Misused("summarize")),
        ("!status", Command::Status),
        ("!mode", Command::Mode(None)),
        ("!mode Smart-Approve", Command::Mode(Some(GooseMode::SmartApprove))),
        ("!mode yolo", Command::Misused("mode")),
        ("!model", Command::Model(None)),
        ("!model default", Command::Model(Some(ModelWish::Usual))),
        ("!model `gpt-4o`", Command::Model(Some(named("gpt-4o")))),
        ("!model gpt 4o", Command::Misused("model")),
        ("!quiet", Command::Quiet(None)),
        ("!quiet ON", Command::Quiet(Some(true))),
        ("!quiet off", Command::Quiet(Some(false))),
        ("!quiet please", Command::Misused("quiet")),
        ("!tools", Command::Tools),
        ("!usage", Command::Usage),
        ("!restart", Command::Unknown("restart".to_owned())),
        ("!stopp", Command::Unknown("stopp".to_owned())),
    ] {
        assert_eq!(parse(text), Some(want), "{text:?}");
    }
}

#[test]
fn text_that_only_begins_like_one() {
    for text in [
        "",
        "!",
        "! stop",
        "!!",
        "!!!stop",
        "!3",
        "![a](b)",
        "!=",
        "stop",
        "please !stop",
        "!a=b",
        "!é",
        "!x(1)",
    ] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn each_row_is_a_command_that_help_explains_in_one_line() {
    let mut names = HashSet::new();
    let all = help("goosebot");
    for entry in COMMANDS {
        assert!(names.insert(entry.name), "{} stands twice", entry.name);
        let line = format!("- `{}` {}", entry.usage(), entry.brief);
        assert!(all.lines().any(|shown| shown == line), "{line}");
        assert!(of_one(entry.name).contains(entry.example));
        assert!(entry.example.contains(&format!("`!{}", entry.name)), "{}", entry.name);
        assert!(!matches!(parse(&format!("!{}", entry.name)), Some(Command::Unknown(_))));
        for word in entry.also {
            assert!(!COMMANDS.iter().any(|other| other.name == *word), "{word} is a command");
            assert!(unknown(word).contains(&format!("Did you mean `!{}`?", entry.name)), "{word}");
        }
    }
}

#[test]
fn what_was_meant_is_guessed_and_nothing_far_off() {
    for (word, want) in
        [("stopp", "!stop"), ("hlep", "!help"), ("aprove", "!approve"), ("whomi", "!whoami")]
    {
        assert!(unknown(word).contains(&format!("Did you mean `{want}`?")), "{word}");
    }
    assert!(!unknown("xyzzy").contains("Did you mean"));
}

#[test]
fn no_answer_calls_anybody() {
    for text in [help("goosebot"), unknown("all"), of_one("@all"), misused("help")] {
        assert!(crate::mentions::find(&text, "goosebot").is_empty(), "{text}");
        assert!(crate::mentions::find(&text, "all").is_empty(), "{text}");
    }
}
