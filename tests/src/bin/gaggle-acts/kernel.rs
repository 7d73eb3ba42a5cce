//! Acts on the kernel: namespaces, mounts, keyrings, young interfaces.
//!
//! Trust: as in the module above.

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::{Outcome, sys};

pub(crate) fn act(words: &[&str]) -> Option<Outcome> {
    let outcome = match words {
        ["unshare", what] => unshare(CloneFlags::from_bits_truncate(namespace(what)?)),
        ["clone", what] => sys::clone(namespace(what)?),
        ["clone3", what] => sys::clone3(namespace(what)?),
        ["mount", path] => {
            mount(Some("tmpfs"), *path, Some("tmpfs"), MsFlags::empty(), None::<&str>)
        }
        ["unmount", path] => umount2(*path, MntFlags::MNT_DETACH),
        ["io-uring"] => sys::io_uring_setup(),
        ["bpf"] => sys::bpf_map(),
        ["userfaultfd"] => sys::userfaultfd(),
        ["make-code"] => sys::make_code(),
        ["perf"] => sys::perf_event_open(),
        ["secret-memory"] => sys::memfd_secret(),
        ["type-into-terminal"] => sys::tiocsti(),
        ["keyring"] => sys::session_keyring(),
        ["add-key"] => sys::add_key(),
        ["request-key"] => match sys::request_key() {
            // There is none of that name: the question was answered.
            Err(Errno::ENOKEY) => Ok(()),
            outcome => outcome,
        },
        _ => return None,
    };
    Some(outcome)
}

fn namespace(name: &str) -> Option<libc::c_int> {
    Some(match name {
        "user" => libc::CLONE_NEWUSER,
        "mount" => libc::CLONE_NEWNS,
        "pid" => libc::CLONE_NEWPID,
        "net" => libc::CLONE_NEWNET,
        "ipc" => libc::CLONE_NEWIPC,
        "uts" => libc::CLONE_NEWUTS,
        "cgroup" => libc::CLONE_NEWCGROUP,
        _ => return None,
    })
}
