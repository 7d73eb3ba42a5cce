//! `cargo xtask demo`: builds what the demo needs and starts it.
//!
//! Trust: as the caller's.

use std::path::PathBuf;

use crate::arguments::Demo;
use crate::{goose, prerequisites, run};

/// Builds, fetches Goose, and runs the demo with the same arguments.
pub(crate) fn run(arguments: &Demo) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    if run::is_root() {
        prerequisites::require(prerequisites::LAB)?;
    }
    // On standard error, as is cargo's own progress: `--once` promises that
    // standard output has the answer alone.
    run::run(&mut run::cargo(&["build", "--workspace", "--exclude", "xtask", "--locked"]))?;
    let goose: PathBuf = match &arguments.goose {
        Some(path) => path.clone(),
        None => goose::fetch()?,
    };
    let program = run::target_folder()?.join("debug/gaggle-demo");
    let mut demo = std::process::Command::new(program);
    // Everything after `cargo xtask demo` as it was given.
    demo.args(std::env::args_os().skip(2)).env(crate::test::ENV_GOOSE, goose);
    match demo.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(String::new()),
        Err(error) => Err(format!("the demo could not be started: {error}")),
    }
}
