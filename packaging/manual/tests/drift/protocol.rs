//! The messages of the three sockets.

use std::collections::BTreeSet;

use gaggle_ipc::launch::LaunchStep;

use crate::page::Page;
use crate::{compare, source};

const PAGE: &str = "gaggle-protocol.7";

#[test]
fn messages_and_their_fields() {
    let page = Page::read(PAGE);
    for (file, messages) in [
        ("control", &["ControlRequest", "ControlReply", "WorkerExit", "Closing"][..]),
        ("admin", &["AdminRequest", "AdminReply"]),
        ("session", &["ToWorker", "FromWorker"]),
        ("files", &["FileOrder", "FileNews"]),
    ] {
        let text = source::read(&format!("ipc/src/{file}.rs"));
        for message in messages {
            let items = page.section(message).items("Sy").into_iter();
            let on_page = items.map(|item| [vec![item.name], item.arguments].concat().join(" "));
            compare(message, &source::variants(&text, message), &on_page.collect());
        }
    }
}

#[test]
fn words_for_refusals_and_stops() {
    let text = source::read("ipc/src/control.rs");
    let page = Page::read(PAGE);
    for reason in ["RefusalCode", "StopReason"] {
        compare(reason, &source::words(&text, reason), &page.section(reason).names("Cm"));
    }
}

#[test]
fn steps_with_their_numbers() {
    let steps = LaunchStep::ALL.iter().map(|step| format!("{} Cm {}", *step as u8, step.name()));
    let page = Page::read(PAGE).section("STEPS");
    let items = page.text.lines().filter_map(|line| line.strip_prefix(".It "));
    compare("STEPS", &steps.collect(), &items.map(str::to_owned).collect::<BTreeSet<_>>());
}
