//! The source tree as text, for checks that read it.
//!
//! Trust: the files are formatted by rustfmt: an item ends at a line that is
//! indented as deep as the one it began with.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A Rust file of ours.
pub(crate) struct Source {
    /// Below the repository's folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Every Rust file of ours.
pub(crate) fn sources() -> Vec<Source> {
    let folders = ["supervisor", "worker", "frontend", "cli", "ipc", "packaging", "tests", "xtask"];
    let found: Vec<_> = folders.iter().flat_map(|folder| sources_below(folder)).collect();
    assert!(found.len() > 50, "the tree was not found");
    found
}

/// Every Rust file of ours below `folder`.
pub(crate) fn sources_below(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root()).unwrap().to_owned(), text });
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

impl Source {
    /// The lines that are code and not for tests: neither blank nor comment nor
    /// in an item under `#[cfg(test)]`. With their numbers, from 1.
    pub(crate) fn code(&self) -> Vec<(usize, &str)> {
        if self.is_for_tests() {
            return Vec::new();
        }
        let mut code = Vec::new();
        let mut skipped_to = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let bare = line.trim_start();
            let depth = line.len() - bare.len();
            if let Some(begin) = skipped_to {
                // Further attributes stand as deep as the item.
                let ends = depth == begin && !bare.starts_with('#');
                if ends && (bare.starts_with('}') || bare.ends_with(';') || bare.ends_with('}')) {
                    skipped_to = None;
                }
            } else if bare == "#[cfg(test)]" {
                skipped_to = Some(depth);
            } else if !bare.is_empty() && !bare.starts_with("//") {
                code.push((number, line));
            }
        }
        code
    }

    fn is_for_tests(&self) -> bool {
        let mut parts = self.path.components().map(|part| part.as_os_str());
        parts.any(|part| part == "tests" || part == "tests.rs")
    }
}

#[test]
fn code_is_what_is_neither_blank_nor_comment_nor_test() {
    let text = "//! About.\n\nuse a;\n#[cfg(test)]\nuse b;\n/// f\nfn f() {\n    g(); // why\n}\n\
        #[cfg(test)]\nmod tests {\n    fn h() {\n    }\n}\nfn i() {}\n";
    let source = Source { path: "x/src/y.rs".into(), text: text.to_owned() };
    let code: Vec<_> = source.code().into_iter().map(|(number, _)| number).collect();
    assert_eq!(code, [3, 7, 8, 9, 15]);
    let source = Source { path: "x/src/y/tests.rs".into(), ..source };
    assert!(source.code().is_empty());
}
