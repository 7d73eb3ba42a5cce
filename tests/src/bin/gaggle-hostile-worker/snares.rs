//! Places where a worker taken over waits for somebody else's programs to come.
//!
//! Trust: as in the module above.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::wait;

/// Another test's snare may be in the same place for a while.
const FREE: Duration = Duration::from_secs(30);

/// All snares laid so far: an abstract name each.
#[derive(Default)]
pub(crate) struct Snares(Vec<(String, UnixListener)>);

impl Snares {
    /// Waits under a name.
    pub(crate) fn lay(&mut self, name: &str) -> Result<String> {
        let address = SocketAddr::from_abstract_name(name)?;
        let laid = wait::until(FREE, || UnixListener::bind_addr(&address).ok());
        let listener = laid.context("the place is taken")?;
        listener.set_nonblocking(true)?;
        self.0.push((name.to_owned(), listener));
        Ok(String::new())
    }

    /// A line for each snare that somebody came to since the last time.
    pub(crate) fn visits(&self) -> String {
        let visited = self.0.iter().filter(|(_, listener)| listener.accept().is_ok());
        let lines: String = visited.map(|(name, _)| format!("visited {name}\n")).collect();
        format!("{lines}of {}\n", self.0.len())
    }
}
