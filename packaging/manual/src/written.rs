//! The pages that are written by hand, in `packaging/man`. Where one says
//! `@KEYS@`, `@VARIABLES@`, `@OPTIONS@` or `@COMMANDS@`, the frontend's own tables come in.
//!
//! Trust: the tables are the program's own, and plain text.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use gaggle_frontend::arguments::Arguments;
use gaggle_frontend::commands::{COMMANDS, Group};
use gaggle_frontend::config::{KEYS, Reader, VARIABLES};

use crate::write_file;

/// Where they are.
const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../man");

/// Writes each page to `folder`.
pub(crate) fn write(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(PAGES).context(PAGES)? {
        let path = entry.context(PAGES)?.path();
        let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let page = completed(&page).with_context(|| path.display().to_string())?;
        write_file(&folder.join(path.file_name().unwrap_or_default()), page.as_bytes())?;
    }
    Ok(())
}

fn completed(page: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for line in page.lines() {
        match line.strip_prefix(".\\\" @").and_then(|rest| rest.strip_suffix('@')) {
            Some("KEYS") => text += &keys(),
            Some("VARIABLES") => text += &variables(),
            Some("OPTIONS") => text += &options(),
            Some("COMMANDS") => text += &commands(),
            Some(other) => bail!("no table {other}"),
            None => text += &format!("{line}\n"),
        }
    }
    Ok(text)
}

fn keys() -> String {
    let mut text = String::new();
    let mut section = None;
    for key in KEYS {
        if section != Some(key.section) {
            let end = if section.is_some() { ".El\n" } else { "" };
            text += &format!("{end}.Ss [{}]\n.Bl -tag -width Ds\n", key.section);
            section = Some(key.section);
        }
        text += &item("Cm", key.name, key.default, key.meaning);
    }
    text + ".El\n"
}

fn variables() -> String {
    let groups = [
        (Reader::Frontend, "The variables are:"),
        (Reader::Supervisor, "These are compared with what the supervisor has in its own files:"),
        (Reader::NobodyYet, "These are checked, and served by nobody yet:"),
    ];
    let mut text = String::new();
    for (reader, title) in groups {
        text += &format!(".Pp\n{title}\n.Bl -tag -width Ds\n");
        for variable in VARIABLES.iter().filter(|variable| variable.reader == reader) {
            text += &item("Ev", variable.name, variable.default, variable.meaning);
        }
        text += ".El\n";
    }
    text
}

fn options() -> String {
    let mut text = ".Bl -tag -width Ds\n".to_owned();
    let mut command = Arguments::command();
    command.build();
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        let name = option.get_long().unwrap_or_default();
        let takes_value = option.get_action().takes_values();
        let names = option.get_value_names().unwrap_or_default();
        let value = names.first().filter(|_| takes_value);
        let value = value.map(|name| format!(" Ar {name}")).unwrap_or_default();
        let default = option.get_default_values().first();
        let default = default.filter(|_| takes_value).map(|value| value.to_string_lossy());
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!(".It Fl -{name}{value}\n{}.\n", plain(&help));
        if let Some(default) = default {
            text += &format!("The default is\n.Pa {default} .\n");
        }
    }
    text + ".El\n"
}

fn commands() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        text += &format!(".Ss {}\n.Bl -tag -width Ds\n", group.title());
        for command in COMMANDS.iter().filter(|command| command.group == *group) {
            text += &format!(".It Ic {}\n", command.usage());
            text += &format!("{}.\n", plain(&sentence(command.brief)));
        }
        text += ".El\n";
    }
    text
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().collect();
    first + letters.as_str()
}

/// `name = default`, and what it means as a sentence.
fn item(kind: &str, name: &str, default: &str, meaning: &str) -> String {
    let default =
        if default.is_empty() { String::new() } else { format!(" No = Ar {}", quoted(default)) };
    format!(".It {kind} {name}{default}\n{}.\n", plain(&sentence(meaning)))
}

/// Text in which no character is roff's.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// One argument of a macro.
fn quoted(text: &str) -> String {
    plain(text).replace('"', "\\(dq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_variable_and_option_stands_on_a_page_once() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let count = |page: &str, item: &str| page.lines().filter(|l| l.starts_with(item)).count();
        let settings = page("gaggle.toml.5");
        for key in KEYS {
            let section =
                settings.split(".Ss ").find(|s| s.starts_with(&format!("[{}]", key.section)));
            let names = |line: &&str| line.split(' ').nth(2) == Some(key.name);
            let items = section.unwrap().lines().filter(|line| line.starts_with(".It Cm"));
            assert_eq!(items.filter(names).count(), 1, "{}", key.name);
        }
        let variables = page("gaggle.env.5");
        for variable in VARIABLES {
            let names = |line: &&str| line.split(' ').nth(2) == Some(variable.name);
            let items = variables.lines().filter(|line| line.starts_with(".It Ev"));
            assert_eq!(items.filter(names).count(), 1, "{}", variable.name);
        }
        let options = page("gaggle-frontend.8");
        for command in COMMANDS {
            let name = format!("!{}", command.name);
            let names = |line: &&str| line.split(' ').nth(2) == Some(name.as_str());
            let items = options.lines().filter(|line| line.starts_with(".It Ic"));
            assert_eq!(items.filter(names).count(), 1, "{name}");
        }
        for option in ["--config-dir", "--runtime-dir", "--state-dir", "--check-config", "--help"] {
            assert_eq!(count(&options, &format!(".It Fl {}", &option[1..])), 1, "{option}");
        }
    }

    #[test]
    fn text_is_no_request_of_roffs() {
        assert_eq!(plain(".so /etc/shadow"), "\\&.so /etc/shadow");
        assert_eq!(quoted("\"a\\b\""), "\\(dqa\\eb\\(dq");
        assert!(completed(".\\\" @NONSENSE@").is_err());
    }
}
