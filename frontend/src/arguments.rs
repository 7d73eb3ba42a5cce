//! What can be said on the command line.
//!
//! Trust: whoever starts the process.

use std::path::PathBuf;
use std::str::FromStr;

use gaggle_ipc::MattermostId;
use gaggle_ipc::ids::is_username;

/// Gaggle's unprivileged half: brings what people write in Mattermost to their
/// own Goose agent, and its answers back.
#[derive(Debug, clap::Parser)]
#[command(name = "gaggle-frontend", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Folder of gaggle.toml and gaggle.env
    #[arg(long, value_name = "DIR", default_value = "/etc/gaggle")]
    pub config_dir: PathBuf,
    /// Folder of the supervisor's control.sock
    #[arg(long, value_name = "DIR", default_value = "/run/gaggle")]
    pub runtime_dir: PathBuf,
    /// Folder of the state; nobody else may write there
    #[arg(long, value_name = "DIR", default_value = "/var/lib/gaggle")]
    pub state_dir: PathBuf,
    /// Read the configuration, say all that is wrong with it, and exit
    #[arg(long)]
    pub check_config: bool,
    /// Like --check-config for a running service, which has its token already
    #[arg(long, hide = true)]
    pub check_reload: bool,
    /// Say in one line who this @name or id is, for `gaggle user add`; the
    /// bot's token may come on standard input
    #[arg(long, value_name = "WHO", hide = true)]
    pub look_up: Option<Who>,
}

/// Somebody to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By the immutable id.
    Id(MattermostId),
    /// By the name after the `@`, in lower case.
    Name(String),
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('@') else {
            return MattermostId::new(text).map(Self::Id).map_err(|error| error.to_string());
        };
        let name = name.to_lowercase();
        if is_username(&name) { Ok(Self::Name(name)) } else { Err("no name like @alice".into()) }
    }
}

const AFTER_HELP: &str = "\
It needs a bot account's token and a running gaggle-supervisor. Usually systemd
starts it: systemctl status gaggle-frontend. Its records: journalctl -u gaggle-frontend.

Exit status:
   0  stopped as asked
   1  the state or something else failed
  77  Mattermost does not accept the bot's token
  78  the configuration is not usable";

/// Mattermost does not accept the token.
pub const EXIT_TOKEN: u8 = 77;
/// The configuration is not usable.
pub const EXIT_CONFIG: u8 = 78;
