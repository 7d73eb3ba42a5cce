//! A page as a reader of mdoc sees it: items of lists, words of a kind.

use std::collections::BTreeSet;
use std::path::Path;

/// Where they are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../man");

/// A page written by hand.
pub(crate) struct Page {
    pub(crate) text: String,
}

/// `.It Cm name No = Ar default`, or `.It Sy name Ar argument ...`.
pub(crate) struct Item {
    pub(crate) name: String,
    /// What follows `Ar`; for a setting its default.
    pub(crate) arguments: Vec<String>,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(FOLDER).join(name);
        Self { text: std::fs::read_to_string(&path).unwrap() }
    }

    /// What stands from a heading to the next.
    pub(crate) fn section(&self, title: &str) -> Self {
        let headings = [format!("\n.Ss {title}\n"), format!("\n.Sh {title}\n")];
        let begin = headings.iter().find_map(|heading| {
            self.text.find(heading.as_str()).map(|place| place + heading.len())
        });
        let rest = &self.text[begin.unwrap_or_else(|| panic!("no section {title}"))..];
        let ends = ["\n.Ss ", "\n.Sh "].iter().filter_map(|next| rest.find(next));
        let end = ends.min().unwrap_or(rest.len());
        Self { text: rest[..end].to_owned() }
    }

    pub(crate) fn items(&self, kind: &str) -> Vec<Item> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix(".It "));
        lines.filter_map(|line| item(line, kind)).collect()
    }

    pub(crate) fn names(&self, kind: &str) -> BTreeSet<String> {
        self.items(kind).into_iter().map(|item| item.name).collect()
    }

    /// `--name` of each `.It Fl -name`.
    pub(crate) fn options(&self) -> BTreeSet<String> {
        let lines = self.text.lines().filter(|line| line.starts_with(".It Fl "));
        let words = lines.flat_map(str::split_whitespace).filter(|word| word.starts_with('-'));
        words.map(|word| format!("-{word}")).collect()
    }
}

fn item(line: &str, kind: &str) -> Option<Item> {
    let mut words = line.split_whitespace().skip_while(|word| *word != kind).skip(1);
    let name = words.next()?.to_owned();
    let arguments = words.skip_while(|word| *word != "Ar").skip(1);
    Some(Item { name, arguments: arguments.map(|word| word.replace("\\(dq", "\"")).collect() })
}

/// All words after a macro of this kind at the beginning of a line or an item.
pub(crate) fn words(text: &str, kind: &str) -> BTreeSet<String> {
    let begins = [format!(".{kind} "), format!(".It {kind} ")];
    let lines = text
        .lines()
        .filter_map(|line| begins.iter().find_map(|begin| line.strip_prefix(begin.as_str())));
    let words = lines.flat_map(|line| line.split_whitespace().take_while(|w| *w != "Ns"));
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
    words.map(str::to_owned).collect()
}
