//! The pages written by hand say what the code says: each list on a page is
//! compared with the code's own, both ways.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "drift/page.rs"]
mod page;
#[path = "drift/protocol.rs"]
mod protocol;
#[path = "drift/settings.rs"]
mod settings;
#[path = "drift/source.rs"]
mod source;

use std::collections::BTreeSet;

use gaggle_frontend::arguments::{EXIT_CONFIG, EXIT_TOKEN};
use gaggle_ipc::launch::steers_programs;

use page::Page;

/// Fails with what the page lacks, and what it has too much.
fn compare(page: &str, in_code: &BTreeSet<String>, on_page: &BTreeSet<String>) {
    assert!(!in_code.is_empty(), "{page}: the code's list was not found");
    let lacks: Vec<_> = in_code.difference(on_page).collect();
    let invents: Vec<_> = on_page.difference(in_code).collect();
    assert!(lacks.is_empty() && invents.is_empty(), "{page} lacks {lacks:?}, invents {invents:?}");
}

#[test]
fn options_of_the_supervisor() {
    let help = source::read("supervisor/src/help.txt");
    let words = help.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    let options = words.filter(|word| word.starts_with("--")).map(str::to_owned).collect();
    let page = Page::read("gaggle-supervisor.8");
    compare("gaggle-supervisor.8", &options, &page.options());
}

#[test]
fn roles_of_the_worker() {
    let text = source::read("worker/src/role.rs");
    let words = text.split("b\"").skip(1).filter_map(|rest| rest.split('"').next());
    // -h, -V and the word help are for those who guess.
    let guessed = ["-h", "-V", "help"];
    let words = words.filter(|word| !guessed.contains(word)).map(str::to_owned).collect();
    let page = Page::read("gaggle-worker.8");
    let on_page = page.items("Cm").into_iter().map(|item| item.name);
    let on_page: BTreeSet<String> = on_page.chain(page.options()).collect();
    compare("gaggle-worker.8", &words, &on_page);
}

#[test]
fn environment_of_the_worker() {
    let text = source::read("ipc/src/launch.rs");
    let lines = text.lines().filter_map(|line| line.strip_prefix("pub const ENV_"));
    let names = lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect();
    let mut on_page = page::words(&Page::read("gaggle-worker.8").text, "Ev");
    on_page.retain(|word| word.starts_with("GAGGLE_"));
    compare("gaggle-worker.8", &names, &on_page);
}

#[test]
fn names_that_no_agent_is_given() {
    let text = source::read("ipc/src/launch.rs");
    let page = Page::read("gaggle-goose.env.5");
    let (_, lists) = page.text.split_once("\\\" steering names").unwrap();
    let (names, rest) = lists.split_once("\\\" steering prefixes").unwrap();
    let (prefixes, _) = rest.split_once(".El").unwrap();
    let in_code = |list: &str| source::strings_of(&text, list);
    compare("names", &in_code("STEERING"), &page::words(names, "Ev"));
    compare("prefixes", &in_code("STEERING_PREFIXES"), &page::words(prefixes, "Ev"));
    for name in page::words(names, "Ev") {
        assert!(steers_programs(&name), "{name} is refused");
    }
}

#[test]
fn exit_statuses_of_the_supervisor() {
    let help = source::read("supervisor/src/help.txt");
    let (_, list) = help.split_once("Exit status:").unwrap();
    let (list, _) = list.split_once('.').unwrap();
    let numbers = list.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    let page = Page::read("gaggle-supervisor.8").section("EXIT STATUS");
    let on_page = page.text.lines().filter_map(|line| line.strip_prefix(".It "));
    let on_page = on_page.map(str::to_owned).collect();
    compare("gaggle-supervisor.8", &numbers.map(str::to_owned).collect(), &on_page);
}

#[test]
fn exit_statuses_of_the_frontend() {
    let page = Page::read("gaggle-frontend.8");
    for status in [EXIT_TOKEN, EXIT_CONFIG] {
        assert!(page.text.contains(&format!("\n.It {status}\n")), "{status}");
    }
}

#[test]
fn pages_lead_to_pages_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let written = std::process::Command::new(env!("CARGO_BIN_EXE_gaggle-manual"))
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(written.success());
    let names = |folder| {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<BTreeSet<String>>()
    };
    let pages = names(folder.path().join("man"));
    let of_others = ["bash.1", "cgroups.7", "landlock.7"];
    for name in names(page::FOLDER.into()) {
        for line in Page::read(&name).text.lines() {
            let Some(reference) = line.split_once("Xr ").map(|(_, rest)| rest) else { continue };
            let target = reference.split(' ').take(2).collect::<Vec<_>>().join(".");
            let there = pages.contains(&target) || of_others.contains(&&*target);
            assert!(there, "{name} leads to {target}");
        }
    }
}
