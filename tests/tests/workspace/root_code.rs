//! Code that runs as root: how much there is, and that it cannot stop itself.
//!
//! Trust: clippy for what it denies; here it is checked that it is told to.

use super::source::{Source, root, sources_below};

/// The crates that run as root, by their folders, and how many lines of code
/// each may have: neither blank nor comment nor test.
const BUDGETS: &[(&str, usize)] =
    &[("supervisor", 1500), ("supervisor/launch", 1000), ("supervisor/policy", 1200)];
/// The same for what root links of the shared words: `ipc` without features.
const IPC_BUDGET: usize = 1000;

/// What each of them tells clippy to refuse, beside what the workspace does.
const DENIED: &[&str] = &["clippy::indexing_slicing"];

/// Ways to stop the process that a lint would let through somewhere.
const STOPS: &[&str] = &[
    ".unwrap()",
    ".expect(",
    ".unwrap_err()",
    ".expect_err(",
    "panic!(",
    "unreachable!(",
    "todo!(",
    "unimplemented!(",
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
];

fn sources_of(folder: &str) -> Vec<Source> {
    sources_below(&format!("{folder}/src"))
}

fn root_sources() -> Vec<Source> {
    BUDGETS.iter().flat_map(|(folder, _)| sources_of(folder)).collect()
}

#[test]
fn every_crate_of_root_has_a_budget() {
    let mut found: Vec<_> = super::metadata()
        .workspace_packages()
        .iter()
        .map(|package| package.manifest_path.parent().unwrap().as_std_path())
        .filter_map(|folder| folder.strip_prefix(root()).ok())
        .filter(|folder| folder.starts_with("supervisor"))
        .map(|folder| folder.to_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    let known: Vec<_> = BUDGETS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(found, known);
}

fn lines_of_code(sources: &[Source]) -> usize {
    sources.iter().map(|source| source.code().len()).sum()
}

#[test]
fn root_code_stays_within_its_budget() {
    for (folder, budget) in BUDGETS {
        let lines = lines_of_code(&sources_of(folder));
        assert!(lines > 100, "{folder}: nothing was counted");
        assert!(lines <= *budget, "{folder} has {lines} lines of code, its budget is {budget}");
    }
}

#[test]
fn what_root_links_of_the_shared_words_stays_within_its_budget() {
    let all = sources_below("ipc/src");
    let lib = all.iter().find(|source| source.path.ends_with("lib.rs")).unwrap();
    // A module under a feature is declared right below the line that says so.
    let lines: Vec<_> = lib.text.lines().collect();
    let gated: Vec<_> = lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("#[cfg(feature"))
        .filter_map(|pair| pair[1].strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(gated.contains(&"session"), "the feature's modules were not found");
    let is_gated =
        |source: &&Source| gated.iter().any(|name| source.path.ends_with(format!("{name}.rs")));
    let lines: usize = all.iter().filter(|s| !is_gated(s)).map(|s| s.code().len()).sum();
    assert!(lines <= IPC_BUDGET, "root links {lines} lines of ipc, the budget is {IPC_BUDGET}");
}

#[test]
fn root_code_cannot_panic_by_a_shortcut() {
    for source in root_sources() {
        for (number, line) in source.code() {
            for stop in STOPS {
                let at = line.find(stop);
                let debug = at.is_some_and(|at| line[..at].ends_with("debug_"));
                let found = at.is_some() && !debug;
                assert!(!found, "{}:{number} has {stop}", source.path.display());
            }
        }
    }
}

#[test]
fn root_code_denies_what_would_panic_and_nothing_opts_out() {
    for source in root_sources() {
        let is_root = source.path.ends_with("src/lib.rs");
        for lint in DENIED {
            let denied = source.text.lines().any(|line| line == format!("#![deny({lint})]"));
            assert!(denied || !is_root, "{} does not deny {lint}", source.path.display());
        }
        for (number, line) in source.code() {
            let opts_out = ["allow(clippy::", "expect(clippy::", "warn(clippy::"];
            let found = opts_out.iter().any(|word| line.contains(word));
            assert!(!found, "{}:{number} lets a lint go", source.path.display());
        }
    }
}
