//! Promises about the source tree that would otherwise erode unnoticed: which
//! crates are linked where, where `unsafe` stands, how much code runs as root.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "workspace/dependencies.rs"]
mod dependencies;
#[path = "workspace/regressions.rs"]
mod regressions;
#[path = "workspace/root_code.rs"]
mod root_code;
#[path = "workspace/source.rs"]
mod source;
#[path = "workspace/units.rs"]
mod units;
#[path = "workspace/unsafe_code.rs"]
mod unsafe_code;

use cargo_metadata::{Metadata, MetadataCommand};

use source::{root, sources};

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .other_options(vec!["--offline".into()])
        .exec()
        .unwrap()
}

#[test]
fn files_stay_small_and_say_what_they_are_for() {
    for source in sources() {
        let path = &source.path;
        let lines = source.text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines; one file, one duty", path.display());
        assert!(source.text.starts_with("//!"), "{} does not say what it is for", path.display());
        let vague = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
        let stem = path.file_stem().unwrap().to_string_lossy();
        assert!(!vague.contains(&&*stem), "{}: name the duty", path.display());
    }
}
