//! Where records go: to the journal under systemd, to stderr elsewhere.
//!
//! Trust: nothing that people wrote and no secret is ever passed to a log call;
//! ids, sizes, methods and status codes are. Libraries below warnings are mute,
//! because their debug output knows no such rule.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

/// The journal's native socket.
const JOURNAL: &str = "/run/systemd/journal/socket";
const IDENTIFIER: &str = "gaggle-frontend";
/// The log is the process's, and so is its filter.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was set up before in this process.
    #[error("the log is set up already: call log::init once")]
    Again,
}

/// Sends records to the journal if its socket is there and stderr is not a
/// terminal, to stderr otherwise. `debug` adds methods, ids and sizes.
///
/// # Errors
/// [`LogError::Again`] on a second call.
pub fn init(debug: bool) -> Result<(), LogError> {
    let (filter, handle) = reload::Layer::new(filter(debug));
    let registry = tracing_subscriber::registry().with(filter);
    // A journal that vanishes later loses records without an error, so what
    // must not be lost (the audit) is root's to write, never ours.
    let journal = (Path::new(JOURNAL).exists() && !std::io::stderr().is_terminal())
        .then(tracing_journald::layer)
        .and_then(Result::ok);
    let started = match journal {
        Some(layer) => registry
            .with(layer.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned()))
            .try_init(),
        None => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colours = std::io::stderr().is_terminal() && !plain;
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            registry.with(lines.with_ansi(colours)).try_init()
        }
    };
    started.map_err(|_| LogError::Again)?;
    FILTER.set(handle).map_err(|_| LogError::Again)
}

/// Says more from now on, or less.
pub fn set_debug(debug: bool) {
    // Without a log there is nothing to change.
    if let Some(handle) = FILTER.get() {
        let _ = handle.modify(|current| *current = filter(debug));
    }
}

fn filter(debug: bool) -> Targets {
    let own = if debug { Level::DEBUG } else { Level::INFO };
    Targets::new().with_default(Level::WARN).with_target("gaggle_frontend", own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_about_gaggle_alone() {
        let ours = "gaggle_frontend::mattermost::transport";
        assert!(filter(true).would_enable(ours, &Level::DEBUG));
        assert!(!filter(false).would_enable(ours, &Level::DEBUG));
        // Libraries print headers and bodies there.
        for library in ["hyper_util::client", "reqwest::connect", "rustls::client"] {
            assert!(!filter(true).would_enable(library, &Level::DEBUG), "{library}");
            assert!(filter(true).would_enable(library, &Level::WARN), "{library}");
        }
    }
}
