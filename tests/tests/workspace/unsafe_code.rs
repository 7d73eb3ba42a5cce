//! Where `unsafe` may stand, how much of it root has, and that each block says
//! who keeps its contract.
//!
//! Trust: the compiler refuses it wherever a crate denies it; here it is
//! checked that all do.

use std::path::Path;

use super::source::{Source, root, sources};

/// The only files with `unsafe`, each opened by a word on why.
const FILES: &[&str] = &[
    "supervisor/launch/src/sys.rs",
    "supervisor/policy/src/sys.rs",
    "ipc/src/fds.rs",
    "worker/src/sys.rs",
    "worker/src/probe/syscalls.rs",
    "tests/src/bin/gaggle-acts/sys.rs",
];

/// Most places with `unsafe` in code that runs as root; all in files of this name.
const MOST_IN_ROOT: usize = 12;
const NAME_IN_ROOT: &str = "sys.rs";

/// The line has `unsafe` as code, and not as a word or as part of a lint's name.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["{", "fn", "impl", "trait", "extern", "("].iter().any(|next| {
        let spaced = if *next == "(" { "unsafe(".to_owned() } else { format!("unsafe {next}") };
        code.find(&spaced).is_some_and(|at| {
            let before = code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"')
        })
    })
}

/// From 0.
fn unsafe_lines(source: &Source) -> Vec<usize> {
    // It spells out what is looked for.
    if source.path.ends_with("tests/workspace/unsafe_code.rs") {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate();
    lines.filter(|(_, line)| is_unsafe(line)).map(|(at, _)| at).collect()
}

#[test]
fn unsafe_stands_in_the_named_files_alone() {
    for source in sources() {
        let named = FILES.iter().any(|file| source.path == Path::new(file));
        let lines = unsafe_lines(&source);
        assert!(lines.is_empty() || named, "{} has unsafe code", source.path.display());
        assert!(!lines.is_empty() || !named, "{} needs its place no more", source.path.display());
        let allows = source.text.contains(concat!("allow(", "unsafe_code)"));
        assert_eq!(allows, named, "{} and its allow", source.path.display());
    }
}

#[test]
fn root_has_few_unsafe_places_and_all_in_one_file_of_each_crate() {
    let mut count = 0;
    for source in sources().iter().filter(|source| source.path.starts_with("supervisor")) {
        let here = unsafe_lines(source).len();
        let named = source.path.ends_with(NAME_IN_ROOT);
        assert!(here == 0 || named, "{} has unsafe code", source.path.display());
        count += here;
    }
    assert!(count > 0, "nothing was counted");
    assert!(count <= MOST_IN_ROOT, "root has {count} unsafe places, {MOST_IN_ROOT} are the limit");
}

#[test]
fn each_unsafe_place_says_who_keeps_its_contract() {
    for source in sources() {
        let lines: Vec<_> = source.text.lines().map(str::trim).collect();
        for at in unsafe_lines(&source) {
            assert!(is_explained(&lines, at), "{}:{} says not", source.path.display(), at + 1);
        }
    }
}

/// The comment above the line's statement says it.
fn is_explained(lines: &[&str], at: usize) -> bool {
    for (above, line) in lines[..at].iter().enumerate().rev() {
        if line.starts_with("//") {
            let comment = lines[..=above].iter().rev().take_while(|line| line.starts_with("//"));
            return comment.into_iter().any(|line| line.starts_with("// SAFETY: "));
        }
        if line.is_empty() || line.ends_with([';', '{', '}']) {
            return false;
        }
    }
    false
}

#[test]
fn every_crate_keeps_unsafe_out() {
    let metadata = super::metadata();
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for line in ["unsafe_code = \"deny\"", "undocumented_unsafe_blocks = \"deny\""] {
        assert!(workspace.contains(line), "the workspace's lints have no {line}");
    }
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let inherits = manifest.contains("[lints]\nworkspace = true");
        assert!(inherits, "{} has not the workspace's lints", package.name);
        let folder = package.manifest_path.parent().unwrap();
        let programs = package.targets.iter().filter(|target| !target.is_test());
        for target in programs {
            check_crate_root(folder.as_std_path(), target.src_path.as_std_path());
        }
    }
}

/// A library or program forbids it; one that has a file with `unsafe` below its
/// crate's folder may deny it instead, so that the file can say otherwise.
fn check_crate_root(package: &Path, path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let has = |lint: &str| text.lines().any(|line| line == format!("#![{lint}(unsafe_code)]"));
    let excepted = FILES.iter().any(|file| root().join(file).starts_with(package));
    let right = has("forbid") || excepted && has("deny");
    assert!(right, "{} does not keep unsafe out", path.display());
}

#[test]
fn unsafe_is_told_from_the_word() {
    for line in ["let a = unsafe { b() };", "unsafe impl A for B {}", "pub unsafe fn a() {"] {
        assert!(is_unsafe(line), "{line}");
    }
    for line in ["// unsafe { a }", "an_unsafe fn", "#![deny(unsafe_code)]", "f(\"unsafe { \")"] {
        assert!(!is_unsafe(line), "{line}");
    }
    assert!(is_explained(&["// SAFETY: it is ours.", "let a =", "unsafe { b() };"], 2));
    assert!(!is_explained(&["// SAFETY: it is ours.", "let a = 1;", "unsafe { b() };"], 2));
    assert!(!is_explained(&["// Because.", "unsafe { b() };"], 1));
}
