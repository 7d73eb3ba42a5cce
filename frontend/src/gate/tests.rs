//! The gate's table: one row per post that a person could wonder about.

use serde_json::json;

use super::*;

const BOT: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbb";
const ALICE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
const ROOT: &str = "rrrrrrrrrrrrrrrrrrrrrrrrrr";

fn id(text: &str) -> MattermostId {
    MattermostId::new(text).unwrap()
}

fn gate() -> Gate {
    Gate {
        me: id(BOT),
        name: "goosebot".to_owned(),
        rules: Rules {
            direct: DirectRule::Answer,
            group: MentionRule::ExceptInOwnThread,
            channel: MentionRule::ExceptInOwnThread,
        },
        approved: Approved::Mapped,
        access: Access::default(),
        allowed_bots: HashSet::new(),
    }
}

fn post(message: &str, more: serde_json::Value) -> Post {
    let mut value = json!({
        "id": "pppppppppppppppppppppppppp", "user_id": ALICE,
        "channel_id": "cccccccccccccccccccccccccc", "message": message,
    });
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn place(kind: ChannelKind) -> Place {
    Place { kind, conversing: false, busy: false, running: false }
}

fn user(more: serde_json::Value) -> User {
    let mut value = json!({"id": ALICE, "username": "alice"});
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn prompt(text: &str) -> Result<Request, Ignored> {
    Ok(Request::Prompt(text.to_owned()))
}

fn command(command: Command) -> Result<Request, Ignored> {
    Ok(Request::Command(command))
}

#[test]
fn by_author() {
    let mention = "@goosebot hi";
    for (more, want) in [
        (json!({}), prompt("hi")),
        (json!({"type": "me"}), prompt("hi")),
        (json!({"user_id": BOT}), Err(Ignored::Own)),
        (json!({"delete_at": 5}), Err(Ignored::Gone)),
        (json!({"original_id": ROOT}), Err(Ignored::Gone)),
        (json!({"type": "system_header_change"}), Err(Ignored::System)),
        (json!({"type": "custom_plugin"}), Err(Ignored::System)),
        (json!({"type": "slack_attachment"}), Err(Ignored::System)),
        (json!({"props": {"from_webhook": "true"}}), Err(Ignored::Webhook)),
        (json!({"props": {"from_webhook": true}}), Err(Ignored::Webhook)),
        (json!({"props": {"from_bot": "true"}}), Err(Ignored::Bot)),
        (json!({"remote_id": "x"}), Err(Ignored::Remote)),
    ] {
        for kind in [ChannelKind::Direct, ChannelKind::Public] {
            let got = gate().screen(&post(mention, more.clone()), place(kind));
            assert_eq!(got, want, "{more} {kind:?}");
        }
    }
}

#[test]
fn by_place_and_mention() {
    use ChannelKind::{Direct, Group, Private, Public};
    for (kind, message, want) in [
        (Direct, "hi", prompt("hi")),
        (Direct, "@goosebot: hi", prompt("hi")),
        (Direct, "@bob hi", prompt("@bob hi")),
        (Group, "hi", Err(Ignored::NotAddressed)),
        (Group, "@goosebot hi", prompt("hi")),
        (Private, "hi", Err(Ignored::NotAddressed)),
        (Private, "hi @GooseBot", prompt("hi")),
        (Public, "@goosebotX hi", Err(Ignored::NotAddressed)),
        (Public, "`@goosebot` hi", Err(Ignored::NotAddressed)),
        (Public, "hi@goosebot hi", Err(Ignored::NotAddressed)),
        (Public, "@channel hi", Err(Ignored::NotAddressed)),
        (Public, "@all @here hi", Err(Ignored::NotAddressed)),
        (Public, "@all @goosebot hi", prompt("@all @goosebot hi")),
        (Public, "@goosebot", command(Command::Help(None))),
        (Direct, "  ", command(Command::Help(None))),
        (Public, "@goosebot !STOP", command(Command::Stop)),
        (Public, "@goosebot !!", prompt("!!")),
        (Direct, "!whoami", command(Command::Whoami)),
        (Public, "!whoami", Err(Ignored::NotAddressed)),
        (Public, "!stop", Err(Ignored::NotAddressed)),
    ] {
        let got = gate().screen(&post(message, json!({})), place(kind));
        assert_eq!(got, want, "{kind:?} {message:?}");
    }
}

#[test]
fn in_threads() {
    let here =
        |conversing, busy, running| Place { kind: ChannelKind::Public, conversing, busy, running };
    for (message, place, want) in [
        ("more", here(true, false, false), prompt("more")),
        ("more", here(false, true, false), Err(Ignored::NotAddressed)),
        ("@bob look", here(true, false, false), Err(Ignored::NotAddressed)),
        ("!stop", here(true, true, true), command(Command::Stop)),
        ("!stop", here(false, true, false), command(Command::Stop)),
        ("!stop", here(false, false, false), Err(Ignored::NotAddressed)),
        ("!help", here(true, false, false), command(Command::Help(None))),
        ("!help", here(false, true, false), Err(Ignored::NotAddressed)),
    ] {
        let got = gate().screen(&post(message, json!({"root_id": ROOT})), place);
        assert_eq!(got, want, "{message:?} {place:?}");
    }
    // At top level a running turn is stopped by the word alone.
    let stop = post("!stop", json!({}));
    let got = gate().screen(&stop, here(false, false, true));
    assert_eq!(got, command(Command::Stop));
}

#[test]
fn by_settings() {
    let mut strict = gate();
    strict.rules.channel = MentionRule::Always;
    strict.rules.direct = DirectRule::Ignore;
    let follow_up = post("more", json!({"root_id": ROOT}));
    let conversing = Place { conversing: true, ..place(ChannelKind::Public) };
    assert_eq!(strict.screen(&follow_up, conversing), Err(Ignored::NotAddressed));
    assert_eq!(strict.screen(&follow_up, place(ChannelKind::Direct)), Err(Ignored::DirectOff));

    let mut lenient = gate();
    lenient.allowed_bots.insert(id(ALICE));
    let from_bot = post("@goosebot hi", json!({"props": {"from_bot": "true"}}));
    assert_eq!(lenient.screen(&from_bot, place(ChannelKind::Public)), prompt("hi"));
    assert_eq!(lenient.admit(&user(json!({"is_bot": true}))), Admission::Admitted);
}

#[test]
fn files_alone_are_told_apart_from_nothing() {
    let files = post("", json!({"file_ids": [ROOT]}));
    assert_eq!(
        gate().screen(&files, place(ChannelKind::Direct)),
        Ok(Request::Prompt(String::new()))
    );
}

#[test]
fn admission() {
    let only = |ids: &[&str]| Approved::Only(ids.iter().map(|text| id(text)).collect());
    for (approved, more, want) in [
        (Approved::Mapped, json!({}), Admission::Admitted),
        (only(&[ALICE]), json!({}), Admission::Admitted),
        (only(&[ROOT]), json!({}), Admission::Refused),
        // A list whose names all failed to resolve lets nobody in.
        (only(&[]), json!({}), Admission::Refused),
        (Approved::Mapped, json!({"is_bot": true}), Admission::Ignored(Ignored::Bot)),
        (only(&[ALICE]), json!({"is_bot": true}), Admission::Ignored(Ignored::Bot)),
        (Approved::Mapped, json!({"remote_id": "x"}), Admission::Ignored(Ignored::Remote)),
        (Approved::Mapped, json!({"delete_at": 1}), Admission::Ignored(Ignored::Deactivated)),
    ] {
        let gate = Gate { approved, ..gate() };
        assert_eq!(gate.admit(&user(more.clone())), want, "{more}");
    }
}
