//! Promises about the source tree that would otherwise erode unnoticed: which
//! crates are linked where, who may name `bincode`, who may be `unsafe`.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .other_options(vec!["--offline".into()])
        .exec()
        .unwrap()
}

fn direct(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .collect()
}

/// Every Rust file of ours, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["supervisor", "worker", "frontend", "cli", "ipc", "tests", "xtask"]
            .iter()
            .map(|folder| root().join(folder))
            .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 50, "the tree was not found");
    found
}

/// The text before the first unit test of the file.
fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn the_crates_that_gaggle_is_built_on_are_direct_dependencies_and_used() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let all: BTreeSet<&str> = packages.iter().flat_map(|package| direct(package)).collect();
    let text: String = sources().iter().map(|(_, text)| text.as_str()).collect();
    // `rmcp` joins them with the MCP server.
    for name in [
        "tokio",
        "nix",
        "caps",
        "landlock",
        "serde",
        "serde_json",
        "bincode",
        "reqwest",
        "tracing-journald",
        "sd-notify",
    ] {
        assert!(all.contains(name), "{name} is no direct dependency");
        let path = format!("{}::", name.replace('-', "_"));
        assert!(text.contains(&path), "{name} is declared and not used");
    }
}

#[test]
fn what_root_links_is_a_closed_list() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let supervisor =
        packages.iter().find(|package| package.name.as_str() == "gaggle-supervisor").unwrap();
    let expected =
        ["gaggle-ipc", "gaggle-launch", "gaggle-policy", "nix", "sd-notify", "serde_json"];
    assert_eq!(direct(supervisor), expected.into_iter().collect());
    let launch = packages.iter().find(|package| package.name.as_str() == "gaggle-launch").unwrap();
    let expected = ["caps", "gaggle-ipc", "gaggle-policy", "libc", "nix"];
    assert_eq!(direct(launch), expected.into_iter().collect());
    let policy = packages.iter().find(|package| package.name.as_str() == "gaggle-policy").unwrap();
    let expected = ["gaggle-ipc", "libc", "nix", "serde", "serde_json", "toml"];
    assert_eq!(direct(policy), expected.into_iter().collect());
    let ipc = packages.iter().find(|package| package.name.as_str() == "gaggle-ipc").unwrap();
    let always: BTreeSet<_> = ipc
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal && !dependency.optional)
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(always, ["bincode", "libc", "nix"].into_iter().collect());
}

#[test]
fn everything_that_root_links_is_known_by_name() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "gaggle-supervisor", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--target", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let snapshot = include_str!("snapshots/supervisor-crates.txt");
    let expected: BTreeSet<&str> = snapshot.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(names, expected, "a new crate in root needs its reason in supervisor/Cargo.toml");
}

#[test]
fn bincode_is_named_in_the_codec_alone() {
    for (path, text) in sources() {
        let named = text.lines().any(|line| {
            let line = line.trim_start();
            !line.starts_with("//") && (line.contains("bincode::") || line.contains("use bincode"))
        });
        let allowed = [Path::new("ipc/src/codec.rs"), Path::new("tests/tests/workspace.rs")];
        assert!(!named || allowed.contains(&path.as_path()), "{} names bincode", path.display());
    }
}

#[test]
fn unsafe_stands_in_the_named_files_alone() {
    let allowed = [
        "supervisor/launch/src/sys.rs",
        "supervisor/policy/src/sys.rs",
        "ipc/src/fds.rs",
        "worker/src/sys.rs",
        "worker/src/probe/syscalls.rs",
        "tests/src/bin/gaggle-acts/sys.rs",
    ];
    for (path, text) in sources() {
        let unsafe_here = text.lines().any(|line| {
            let line = line.trim_start();
            let code = !line.starts_with("//");
            code && [concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl")]
                .iter()
                .any(|form| line.contains(form))
        });
        let named = allowed.iter().any(|allowed| path == Path::new(allowed));
        assert!(!unsafe_here || named, "{} has unsafe code", path.display());
    }
}

#[test]
fn root_code_cannot_panic_by_a_shortcut() {
    for (path, text) in sources() {
        if !path.starts_with("supervisor") {
            continue;
        }
        for shortcut in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "assert!("]
        {
            let found = before_tests(&text).contains(shortcut);
            assert!(!found, "{} has {shortcut}", path.display());
        }
    }
}

#[test]
fn files_stay_small_and_say_what_they_are_for() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines; one file, one duty", path.display());
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
        let vague = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
        let stem = path.file_stem().unwrap().to_string_lossy();
        assert!(!vague.contains(&&*stem), "{}: name the duty", path.display());
    }
}
