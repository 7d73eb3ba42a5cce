//! Which crates are linked where, and who may name them.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, Package};

use super::metadata;
use super::source::{root, sources};

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    let packages = metadata.workspace_packages();
    packages.into_iter().find(|package| package.name.as_str() == name).unwrap()
}

/// Names of the dependencies that are always there.
fn direct(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal && !dependency.optional)
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn the_crates_that_gaggle_is_built_on_are_direct_dependencies_and_used() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let all: BTreeSet<&str> = packages.iter().flat_map(|package| direct(package)).collect();
    let text: String = sources().into_iter().map(|source| source.text).collect();
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
    let closed: [(&str, &[&str]); 4] = [
        (
            "gaggle-supervisor",
            &["gaggle-ipc", "gaggle-launch", "gaggle-policy", "nix", "sd-notify", "serde_json"],
        ),
        ("gaggle-launch", &["caps", "gaggle-ipc", "gaggle-policy", "libc", "nix"]),
        ("gaggle-policy", &["gaggle-ipc", "libc", "nix", "serde", "serde_json", "toml"]),
        ("gaggle-ipc", &["bincode", "libc", "nix"]),
    ];
    for (name, expected) in closed {
        let found = direct(package(&metadata, name));
        assert_eq!(found, expected.iter().copied().collect(), "{name}");
    }
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
    let snapshot = include_str!("../snapshots/supervisor-crates.txt");
    let expected: BTreeSet<&str> = snapshot.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(names, expected, "a new crate in root needs its reason in supervisor/Cargo.toml");
}

#[test]
fn bincode_is_named_in_the_codec_alone() {
    for source in sources() {
        let named = source.text.lines().any(|line| {
            let line = line.trim_start();
            let word = [concat!("bincode", "::"), concat!("use ", "bincode")];
            !line.starts_with("//") && word.iter().any(|word| line.contains(word))
        });
        let codec = source.path == Path::new("ipc/src/codec.rs");
        assert!(!named || codec, "{} names bincode", source.path.display());
    }
}
