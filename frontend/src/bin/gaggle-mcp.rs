//! `gaggle-mcp`: Mattermost's tools for an MCP client on this machine, over standard
//! input and output, with the caller's own account.
//!
//! Trust: whoever starts it, with the token in their environment. The client's lines
//! are bounded; it can do what that account may in Mattermost, and writes only if the
//! caller said so.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use gaggle_frontend::arguments::{EXIT_CONFIG, EXIT_TOKEN};
use gaggle_frontend::config::{Environment, Mattermost};
use gaggle_frontend::mattermost::{Client, Error, Handle};
use gaggle_frontend::mcp::{self, Caller, Person, Server, Writes};
use gaggle_frontend::render::defuse::LinkPolicy;
use nix::sys::prctl;

const MORE: &str = "\
The account is named by three variables of the environment:
  MATTERMOST_URL    the server's address, https://chat.example.com
  MATTERMOST_TOKEN  a personal access token (Mattermost: Profile, Security)
  MATTERMOST_TEAM   the team in which channels are looked for by name; optional

What the client reads is what this account sees in Mattermost. With --write deny it
is not even told of tools that write.

Exit status: 0 when the client hangs up, 2 for wrong arguments, 77 if Mattermost
does not accept the token, 78 if a variable is missing or refused, 1 otherwise.";

/// Mattermost's tools for an MCP client, over standard input and output
#[derive(Debug, Parser)]
#[command(name = "gaggle-mcp", version, after_help = MORE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve one client until it hangs up
    #[command(alias = "mcp:serve")]
    Serve {
        /// Whose tools
        #[arg(long, value_enum, default_value = "mattermost")]
        integration: Integration,
        /// What becomes of tools that write
        #[arg(long, value_enum, default_value = "deny")]
        write: Write,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Integration {
    /// Mattermost's
    Mattermost,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Write {
    /// They are not there
    Deny,
    /// They run
    Allow,
}

fn main() -> ExitCode {
    let Arguments { command: Command::Serve { integration: Integration::Mattermost, write } } =
        Arguments::parse();
    // The token is in this process's memory.
    if let Err(errno) = prctl::set_dumpable(false) {
        return fail(&format!("this process's memory cannot be closed to others: {errno}"), 1);
    }
    let environment = Environment::of_this_process();
    let settings = match Mattermost::of_environment(&environment) {
        Ok(settings) => settings,
        Err(refusal) => return fail(&refusal, EXIT_CONFIG),
    };
    let team = match environment.get("MATTERMOST_TEAM") {
        None => None,
        Some(name) => match Handle::parse(name) {
            None => {
                return fail("MATTERMOST_TEAM: write the team's name in addresses", EXIT_CONFIG);
            }
            team => team,
        },
    };
    let writes = match write {
        Write::Deny => Writes::Deny,
        Write::Allow => Writes::Allow,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(&settings, team, writes)),
        Err(error) => fail(&format!("no runtime: {error}"), 1),
    }
}

async fn serve(settings: &Mattermost, team: Option<Handle>, writes: Writes) -> ExitCode {
    let client = match Client::new(settings) {
        Ok(client) => client,
        Err(error) => return fail(&error.to_string(), EXIT_CONFIG),
    };
    // Said now, and not by the first tool that fails. A server that is away for a
    // moment is no reason to give up.
    if let Err(Error::Unauthorized) = client.me().await {
        let refusal = "Mattermost does not accept MATTERMOST_TOKEN: make a new one in Mattermost, Profile, Security";
        return fail(refusal, EXIT_TOKEN);
    }
    let caller = Caller::new(client, Person::Own, team, LinkPolicy::Plain);
    let server = Server::new(Arc::new(caller), writes);
    match mcp::serve(server, tokio::io::stdin(), tokio::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the client does not speak MCP: {error}"), 1),
    }
}

fn fail(what: &str, status: u8) -> ExitCode {
    eprintln!("gaggle-mcp: {what}");
    ExitCode::from(status)
}
