//! `docs/configuration.md`, `docs/commands.md` and `docs/mcp.md` say what the tables in
//! the code say, line by line.

use gaggle_frontend::commands::{COMMANDS, Group};
use gaggle_frontend::config::{KEYS, Reader, VARIABLES};
use gaggle_frontend::mcp::{self, Class};

fn page() -> &'static str {
    include_str!("../../docs/configuration.md")
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn variable_rows() -> Vec<String> {
    let who = |reader| match reader {
        Reader::Frontend => "frontend",
        Reader::Supervisor => "supervisor",
        Reader::NobodyYet => "nobody yet",
    };
    let row = |v: &gaggle_frontend::config::Variable| {
        format!("| `{}` | {} | {} | {} |", v.name, who(v.reader), code(v.default), v.meaning)
    };
    VARIABLES.iter().map(row).collect()
}

fn key_rows() -> Vec<String> {
    let row = |k: &gaggle_frontend::config::Key| {
        format!("| `[{}] {}` | {} | {} |", k.section, k.name, code(k.default), k.meaning)
    };
    KEYS.iter().map(row).collect()
}

#[test]
fn every_variable_and_key_stands_on_the_page_as_it_is_in_the_code() {
    assert_eq!(VARIABLES.len(), 16);
    let page = page();
    let rows = [variable_rows(), key_rows()].concat();
    let missing: Vec<_> =
        rows.iter().filter(|row| !page.lines().any(|line| line == *row)).collect();
    let wanted: Vec<_> = rows.iter().map(String::as_str).collect();
    assert!(
        missing.is_empty(),
        "put these rows into docs/configuration.md:\n{}",
        wanted.join("\n")
    );
}

#[test]
fn the_page_names_nothing_that_does_not_exist() {
    let rows = [variable_rows(), key_rows()].concat();
    // What stands above is the supervisor's.
    let (_, own) = page().split_once("## `gaggle.toml`").unwrap();
    for line in own.lines().filter(|line| line.starts_with("| `[") || line.starts_with("| `M")) {
        assert!(rows.iter().any(|row| row == line), "not in the code: {line}");
    }
}

#[test]
fn the_commands_stand_on_their_page_group_by_group() {
    let mut wanted = Vec::new();
    for group in Group::ALL {
        let of_group = COMMANDS.iter().filter(|entry| entry.group == *group);
        let rows = of_group.map(|entry| format!("| `{}` | {} |", entry.usage(), entry.brief));
        wanted.push(format!("| {} | |", group.title()));
        wanted.push("|---|---|".to_owned());
        wanted.extend(rows);
    }
    let page = include_str!("../../docs/commands.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows == wanted, "put these tables into docs/commands.md:\n{}", wanted.join("\n"));
}

#[test]
fn each_tool_stands_on_its_page_with_what_it_does_to_the_world() {
    let page = include_str!("../../docs/mcp.md");
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            Some((cells.next()?.trim_end_matches('`'), cells.next()?))
        })
        .collect();
    let word = |class| match class {
        Class::Read => "read",
        Class::Write => "write",
    };
    let tools: Vec<_> = mcp::all().iter().map(|tool| (tool.name, word(tool.class))).collect();
    assert_eq!(rows, tools);
}
