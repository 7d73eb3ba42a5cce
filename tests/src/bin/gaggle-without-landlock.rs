//! Starts a program as on a kernel without Landlock: it lies in the program's
//! place, which is called `.real` now, and beside it a file `.errno` says with
//! which number the kernel is to refuse.
//!
//! Trust: the test that put it there.
#![forbid(unsafe_code)]

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// All there is of Landlock.
const CALLS: [libc::c_long; 3] = [
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

fn main() -> Result<()> {
    let own = std::env::current_exe()?;
    let errno = std::fs::read_to_string(own.with_extension("errno"))?.trim().parse()?;
    let rules = CALLS.map(|call| (call, Vec::new())).into();
    let refuse = SeccompAction::Errno(errno);
    let here = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, here)?;
    apply_filter(&BpfProgram::try_from(filter)?)?;
    let real = own.with_extension("real");
    let error = Command::new(&real).args(std::env::args_os().skip(1)).exec();
    Err(error).with_context(|| format!("start {}", real.display()))
}
