//! The service manager's end of a service: what it says for `systemctl status`.
//!
//! Trust: none; what arrives is shown to tests.

use std::fs::Permissions;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::namespace::Namespace;

/// Longest message, in bytes.
const MOST: usize = 4096;

/// Hears one service.
#[derive(Debug)]
pub(super) struct Manager {
    socket: UnixDatagram,
    status: Arc<Mutex<String>>,
}

impl Manager {
    /// Listens at `path` in the lab, for `NOTIFY_SOCKET`.
    pub(super) fn listen(lab: &Namespace, path: &str) -> Result<Self> {
        let seen = lab.seen(Path::new(path));
        let _ = std::fs::remove_file(&seen);
        let socket = UnixDatagram::bind(&seen).context("listen to a service")?;
        std::fs::set_permissions(&seen, Permissions::from_mode(0o666))?;
        let status = Arc::new(Mutex::new(String::new()));
        let (hears, said) = (socket.try_clone()?, Arc::clone(&status));
        // A service that is not heard would wait until it is.
        thread::spawn(move || {
            let mut message = [0; MOST];
            while let Ok(length @ 1..) = hears.recv(&mut message) {
                let text = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
                if let Some(now) = text.lines().find_map(|line| line.strip_prefix("STATUS=")) {
                    now.clone_into(&mut said.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }
        });
        Ok(Self { socket, status })
    }

    /// What it said last of how it is.
    pub(super) fn status(&self) -> String {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
