//! The code's own lists where no constant or table gives them, from its text.
//! It is formatted by rustfmt.

use std::collections::BTreeSet;
use std::path::Path;

/// A file of the repository.
pub(crate) fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(file)).unwrap()
}

/// The strings of `const NAME: &[&str]`.
pub(crate) fn strings_of(text: &str, name: &str) -> BTreeSet<String> {
    let (_, rest) = text.split_once(&format!("const {name}: ")).unwrap();
    let (list, _) = rest.split_once("];").unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// `Variant field field` of each variant of an enum.
pub(crate) fn variants(text: &str, name: &str) -> BTreeSet<String> {
    let (_, rest) = text.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let mut found = Vec::<String>::new();
    for line in body.lines() {
        let depth = line.len() - line.trim_start().len();
        let word: String = line.trim_start().chars().take_while(|c| is_of_name(*c)).collect();
        match (depth, word.is_empty()) {
            (_, true) => {}
            (4, _) => found.push(word),
            (8, _) => {
                let variant = found.last_mut().unwrap();
                *variant = format!("{variant} {word}");
            }
            _ => panic!("{name}: {line}"),
        }
    }
    found.into_iter().collect()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The words of `fn name` of a type.
pub(crate) fn words(text: &str, name: &str) -> BTreeSet<String> {
    let (_, rest) = text.split_once(&format!("impl {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let arms = body.lines().filter(|line| line.contains(" => \""));
    arms.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}
