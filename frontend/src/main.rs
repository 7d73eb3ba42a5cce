//! `gaggle-frontend`: starts the service of this crate's library.
//!
//! Trust: whoever starts the process, which is never root: nothing in here
//! needs a privilege, and a hole in it must not give one.
#![forbid(unsafe_code)]

mod look_up;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use gaggle_frontend::arguments::{Arguments, EXIT_CONFIG, EXIT_TOKEN};
use gaggle_frontend::config::{Config, ConfigError, Environment};
use gaggle_frontend::service::{self, ServiceError, Surroundings};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The token will be in this process's memory: not for another process of
    // the account to read, and not for a core file.
    if let Err(errno) =
        prctl::set_dumpable(false).and_then(|()| setrlimit(Resource::RLIMIT_CORE, 0, 0))
    {
        return fail(&format!("this process's memory cannot be closed to others: {errno}"), 1);
    }
    let environment = match &arguments.look_up {
        Some(_) => look_up::environment(),
        // systemd passes the token to the service alone, at its start.
        None if arguments.check_reload => {
            Environment::of_this_process().with_token(SecretString::from("the-running-one"))
        }
        None => Environment::of_this_process(),
    };
    let config = match Config::load(&arguments.config_dir, &environment) {
        Ok(config) => config,
        Err(error) => return fail(&error, EXIT_CONFIG),
    };
    if arguments.check_config || arguments.check_reload {
        for notice in &config.notices {
            println!("{notice}");
        }
        println!("the configuration is usable");
        return ExitCode::SUCCESS;
    }
    if nix::unistd::geteuid().is_root() {
        let refusal = "never run as root: start it with `systemctl start gaggle-frontend`, or as an account of its own";
        return fail(&refusal, 1);
    }
    if let Some(who) = &arguments.look_up {
        return look_up::run(&config, who);
    }
    if let Err(error) = gaggle_frontend::log::init(config.debug) {
        return fail(&error, 1);
    }
    let around = Surroundings::new(arguments.runtime_dir, arguments.state_dir);
    let read = move || Config::load(&arguments.config_dir, &environment);
    match serve(config, around, read) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Service(error)) if error.is_token() => fail(&error, EXIT_TOKEN),
        Err(error) => fail(&error, 1),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the runtime cannot be set up: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

fn serve(
    config: Config,
    mut around: Surroundings,
    read: impl Fn() -> Result<Config, ConfigError> + Send + 'static,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        let (tell, reloads) = watch::channel(None);
        around.reloads = reloads;
        tokio::spawn(async move {
            while hung_up.recv().await.is_some() {
                tell.send_replace(Some(Arc::new(read())));
            }
        });
        let shutdown = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        };
        Ok(service::run(config, around, shutdown).await?)
    })
}

fn fail(error: &dyn std::fmt::Display, status: u8) -> ExitCode {
    eprintln!("gaggle-frontend: {error}");
    gaggle_frontend::notify::last_words(&error.to_string());
    ExitCode::from(status)
}
