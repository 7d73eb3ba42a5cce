//! The demo's command line. `cargo xtask` reads it too, to explain it before
//! anything is built.
//!
//! Trust: whoever starts the demo wrote it.

use std::path::PathBuf;

use clap::Args;

const MORE: &str = "\
With nothing given, a Mattermost simulator and a scripted LLM are built in:
no server, no key, no network. The scripted LLM says your words back, and
  run: COMMAND    has Goose run COMMAND with its shell tool
  think: TEXT     thinks TEXT before it answers
  slow: TEXT      answers TEXT slowly; `!stop` stops it

As root there are two people, alice and bob, with Linux accounts of their own
that exist inside the demo alone; nothing of this machine is changed. Without
root there is one, you, and the demo says which protections are missing.

Examples:
  cargo xtask demo
  cargo xtask demo --once 'run: id -un' --as bob
  cargo xtask demo --mode approve
  cargo xtask demo --llm https://llm.example.org --key-file key --model gpt-4o
  cargo xtask demo --mattermost https://chat.example.org --token-file token --mapping user_mapping.json";

/// Chat with Goose through Gaggle in this terminal.
#[derive(Debug, Clone, Args)]
#[command(after_help = MORE)]
pub(crate) struct Demo {
    /// Send TEXT, print the final answer alone, and leave
    #[arg(long, value_name = "TEXT")]
    pub(crate) once: Option<String>,
    /// Who you are at first: alice or bob
    #[arg(long = "as", value_name = "NAME", default_value = "alice")]
    pub(crate) person: String,
    /// How Goose decides on tools: auto, or approve to be asked for each
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = ["auto", "approve", "smart_approve", "chat"])]
    pub(crate) mode: String,
    /// Use this Goose binary
    #[arg(long, value_name = "PATH")]
    pub(crate) goose: Option<PathBuf>,
    /// Use a real provider that speaks OpenAI's protocol
    #[arg(long, value_name = "URL", requires_all = ["key_file", "model"])]
    pub(crate) llm: Option<String>,
    /// File with the provider's key
    #[arg(long, value_name = "FILE", requires = "llm")]
    pub(crate) key_file: Option<PathBuf>,
    /// The provider's model
    #[arg(long, value_name = "NAME", requires = "llm")]
    pub(crate) model: Option<String>,
    /// Use a real Mattermost server; people talk to the bot there
    #[arg(long, value_name = "URL", requires_all = ["token_file", "mapping"], conflicts_with = "once")]
    pub(crate) mattermost: Option<String>,
    /// File with the bot's token
    #[arg(long, value_name = "FILE", requires = "mattermost")]
    pub(crate) token_file: Option<PathBuf>,
    /// user_mapping.json: Mattermost ids and accounts of this machine
    #[arg(long, value_name = "FILE", requires = "mattermost")]
    pub(crate) mapping: Option<PathBuf>,
}
