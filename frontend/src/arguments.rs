//! What can be said on the command line.
//!
//! Trust: whoever starts the process.

use std::path::PathBuf;

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
