//! A domain for each command that Goose runs, inside Goose's own.
//!
//! It takes nothing away that has a path. But what is inside can no more look
//! into a process outside: into its own Goose, whose pipes carry the person's
//! answers to Goose's questions, and whose environment has the provider's key.
//!
//! Trust: the kernel.

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr,
};
use nix::errno::Errno;

/// Why a command has no domain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The kernel refuses.
    #[error(transparent)]
    Ruleset(#[from] landlock::RulesetError),
    /// There is no `/`.
    #[error(transparent)]
    Root(#[from] landlock::PathFdError),
}

/// Gives this process a domain of its own. A kernel without Landlock has none to
/// give: whoever started Goose has decided about that.
///
/// # Errors
/// [`CommandError`].
pub(crate) fn enter() -> Result<(), CommandError> {
    // Every domain forbids moving files between folders unless it says otherwise.
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::Refer)?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new("/")?, AccessFs::Refer))?;
    match rules.restrict_self() {
        Ok(_) => Ok(()),
        // A shell in a shell, and so on: it is inside of one already.
        Err(_) if Errno::last() == Errno::E2BIG => Ok(()),
        Err(error) => Err(error.into()),
    }
}
