//! A journal socket of the lab's own: takes records as journald would.
//!
//! Trust: uid and pid of a record are the kernel's word about its sender, as in
//! the real journal; the fields are whatever the sender wrote.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};

use crate::lab::records::Entry;
use crate::lab::spec::JOURNAL_FILE;

/// Where every program looks for journald.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Longest record in a packet, in bytes; a longer one comes in a file.
const MAX_PACKET: usize = 256 * 1024;

/// The listening socket and the file that records go to.
pub(super) struct Journal {
    socket: UnixDatagram,
    file: File,
    buffer: Vec<u8>,
}

/// Makes the file for the records in `folder`.
pub(super) fn open_file(folder: &Path) -> Result<File> {
    let path = folder.join(JOURNAL_FILE);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.with_context(|| format!("open {}", path.display()))
}

impl Journal {
    pub(super) fn listen(file: File) -> Result<Self> {
        let folder = Path::new(SOCKET).parent().context("a socket's folder")?;
        fs::create_dir_all(folder)?;
        let socket = UnixDatagram::bind(SOCKET).context("listen at the journal socket")?;
        fs::set_permissions(SOCKET, fs::Permissions::from_mode(0o666))?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        let buffer = vec![0; MAX_PACKET];
        Ok(Self { socket, file, buffer })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Writes down all records that wait.
    pub(super) fn collect(&mut self) -> Result<()> {
        while let Some(entry) = self.receive()? {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            // One write, so that a reader never sees half a line at its end
            // followed by something else.
            self.file.write_all(&line)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Entry>> {
        let mut space = nix::cmsg_space!(UnixCredentials, [RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let packet = recvmsg::<()>(self.socket.as_raw_fd(), &mut slices, Some(&mut space), flags);
        let packet = match packet {
            Err(Errno::EAGAIN) => return Ok(None),
            packet => packet?,
        };
        let (mut entry, mut files) = (Entry::default(), Vec::new());
        for message in packet.cmsgs()? {
            match message {
                ControlMessageOwned::ScmCredentials(sender) => {
                    entry.uid = sender.uid();
                    entry.pid = sender.pid();
                }
                ControlMessageOwned::ScmRights(fds) => files.extend(fds),
                _ => {}
            }
        }
        let length = packet.bytes;
        entry.fields = match files.first() {
            Some(file) => fields(&fs::read(format!("/proc/self/fd/{file}"))?),
            None => fields(self.buffer.get(..length).unwrap_or_default()),
        };
        for file in files {
            nix::unistd::close(file)?;
        }
        Ok(Some(entry))
    }
}

/// Reads the journal's native protocol: `KEY=value`, or `KEY`, the length in
/// eight bytes, and a value that may have line breaks.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
        let (line, rest) = bytes.split_at(end);
        bytes = rest.get(1..).unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        if let Some((key, value)) = text.split_once('=') {
            fields.insert(key.to_owned(), value.to_owned());
        } else if let Some((length, rest)) = bytes.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let value = rest.get(..length).unwrap_or(rest);
            fields.insert(text.into_owned(), String::from_utf8_lossy(value).into());
            bytes = rest.get(length.saturating_add(1)..).unwrap_or_default();
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_field_are_read() {
        let mut record = b"PRIORITY=5\nMESSAGE\n".to_vec();
        record.extend(8_u64.to_le_bytes());
        record.extend(b"two\nrows\nGAGGLE_EVENT=started\n");
        let fields = fields(&record);
        assert_eq!(fields["MESSAGE"], "two\nrows");
        assert_eq!(fields["GAGGLE_EVENT"], "started");
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn a_length_that_lies_ends_the_record() {
        let mut record = b"MESSAGE\n".to_vec();
        record.extend(u64::MAX.to_le_bytes());
        record.extend(b"rest");
        assert_eq!(fields(&record)["MESSAGE"], "rest");
    }
}
