//! The command line of `gaggle user`.
//!
//! Trust: root types it.

use clap::{Args, Subcommand, ValueEnum};
use gaggle_ipc::AccountName;
use gaggle_ipc::launch::Profile;

use super::entry::Limit;
use super::who::{Mapped, Who};

/// Subcommands of `gaggle user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Give a person an agent under a Linux account
    ///
    /// Makes a dedicated account without a shell and with a home of its own, or
    /// adopts one that exists. Maps the person to it, has the running supervisor
    /// read that, and proves it with one start. Can be run again: what is done
    /// stays done, what is asked for otherwise is changed.
    Add(Box<AddArguments>),
    /// List the people and their accounts
    List(ListArguments),
    /// Show all that is known of a person or an account
    Show(ShowArguments),
    /// Take a person's agent away
    ///
    /// Removes the entry and stops what runs. The account and its home stay,
    /// unless told otherwise.
    Remove(RemoveArguments),
}

const ADD_EXAMPLES: &str = "\
Examples:
  gaggle user add alice --mattermost @alice
      makes the account alice, without a shell, for the agent of @alice
  gaggle user add alice --mattermost 4u738icxytb4f8spoou9mcp7fy --adopt
      uses alice's own account; asks, and says what the agent will see
  gaggle user add alice --mattermost @alice --memory-max 8G --cpu-max 2
      changes two limits of an entry and leaves the rest as it is
  gaggle user add team --mattermost @bob --shared
      a second person on one account: they see each other's files
  gaggle user add alice --mattermost @alice --dry-run
      says each step and does none

@NAME is looked up once, with the bot's token, as the frontend's account. What
is kept is the id, because names change hands. Someone without an entry is told
their id by the bot.

Exit status: 0 done, or there was nothing to do; also when the supervisor does
not run, with a note. 1 refused or failed: run it again once the reason is
mended, it goes on where it was. 2 wrong usage. 3 written, but the running
supervisor refuses it, or the start that was to prove it failed.";

/// Arguments of `gaggle user add`.
#[derive(Debug, Args)]
#[command(after_long_help = ADD_EXAMPLES, after_help = "See --help for examples.")]
pub(crate) struct AddArguments {
    /// The Linux account, made unless it exists
    #[arg(value_parser = AccountName::new)]
    pub(super) account: AccountName,
    /// The person in Mattermost: @NAME, or the 26-character id
    #[arg(long, value_name = "WHO")]
    pub(super) mattermost: Who,
    /// Use an account that somebody else made
    #[arg(long)]
    pub(super) adopt: bool,
    /// What of the home the agent may touch; a new entry has workspace
    #[arg(long, alias = "home", value_enum)]
    pub(super) profile: Option<Home>,
    /// Most memory, like 4G; `default` is everybody's again
    #[arg(long, value_name = "SIZE")]
    pub(super) memory_max: Option<Limit>,
    /// Most processes and threads; `default` is everybody's again
    #[arg(long, value_name = "COUNT")]
    pub(super) pids_max: Option<Limit>,
    /// Most processors, like 2 or 150%; `default` is everybody's again
    #[arg(long, value_name = "SHARE")]
    pub(super) cpu_max: Option<Limit>,
    /// Several people may be mapped to this account and see each other's files
    #[arg(long)]
    pub(super) shared: bool,
    /// Do not ask Mattermost; takes an id as it is
    #[arg(long)]
    pub(super) offline: bool,
    /// Do not prove it with a start: for many people at once
    #[arg(long)]
    pub(super) no_probe: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// How a command that changes something goes about it.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Answer yes to what would be asked
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Say every step and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// What of the home the agent may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Home {
    /// ~/workspace alone
    Workspace,
    /// The whole home, files that run at the next login included
    Full,
}

impl From<Home> for Profile {
    fn from(home: Home) -> Self {
        match home {
            Home::Workspace => Self::Workspace,
            Home::Full => Self::Full,
        }
    }
}

/// Arguments of `gaggle user list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print a JSON array instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  gaggle user show alice
      everybody on the account alice
  gaggle user show @alice
      the person who is called so in Mattermost
  gaggle user show 4u738icxytb4f8spoou9mcp7fy --json

Exit status: 0 shown, 1 failed or there is nobody like that, 2 wrong usage.";

/// Arguments of `gaggle user show`.
#[derive(Debug, Args)]
#[command(after_long_help = SHOW_EXAMPLES, after_help = "See --help for examples.")]
pub(crate) struct ShowArguments {
    /// An account, @NAME, or a 26-character id
    #[arg(value_name = "WHO")]
    pub(super) who: Mapped,
    /// Print a JSON array instead of text
    #[arg(long)]
    pub(super) json: bool,
}

const REMOVE_EXAMPLES: &str = "\
Examples:
  gaggle user remove alice
      the agent stops at once; account and home stay, and adding works again
  gaggle user remove alice --delete-account --delete-home
      and nothing of the dedicated account is left
  gaggle user remove alice --delete-account
      the home stays, as root's, with mode 0700

Only accounts that `gaggle user add` made are deleted, never an adopted one. Made
by it is what has the comment \"Gaggle agent\" and no shell (getent passwd ALICE).

Exit status: 0 done, or there was nothing to do; 1 refused or failed: run it
again; 2 wrong usage; 3 removed, but the running supervisor does not follow.";

/// Arguments of `gaggle user remove`.
#[derive(Debug, Args)]
#[command(after_long_help = REMOVE_EXAMPLES, after_help = "See --help for examples.")]
pub(crate) struct RemoveArguments {
    /// An account, @NAME, or a 26-character id
    #[arg(value_name = "WHO")]
    pub(super) who: Mapped,
    /// Delete the dedicated account too
    #[arg(long)]
    pub(super) delete_account: bool,
    /// Delete its home with all that is in it
    #[arg(long)]
    pub(super) delete_home: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}
