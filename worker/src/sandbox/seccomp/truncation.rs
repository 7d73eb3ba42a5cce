//! For kernels whose Landlock does not know that emptying a file is writing
//! (below ABI 3): the calls that empty one without having it open for writing.
//!
//! What is left goes through an open for writing, which Landlock has always
//! ruled, so tools that write in the workspace do not notice; a program that
//! calls `truncate` by path does, also there.
//!
//! Trust: the kernel, which keeps a filter through fork and exec.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompCmpOp, SeccompRule};

use super::{SeccompError, compile, rule};

/// The filters: what is refused, and `openat2`, whose flags no filter can see.
pub(super) fn filters() -> Result<[BpfProgram; 2], SeccompError> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        BTreeMap::from([(libc::SYS_truncate, Vec::new())]);
    refused.insert(libc::SYS_openat, empties(2)?);
    #[cfg(target_arch = "x86_64")]
    refused.insert(libc::SYS_open, empties(1)?);
    // Libraries fall back to openat where this is unknown.
    let unseen = BTreeMap::from([(libc::SYS_openat2, Vec::new())]);
    Ok([compile(refused, libc::EPERM)?, compile(unseen, libc::ENOSYS)?])
}

/// The flags ask for an empty file and not for writing to it. An access mode of
/// three, for control calls alone, empties as well.
fn empties(argument: u8) -> Result<Vec<SeccompRule>, SeccompError> {
    let flag = u64::from(libc::O_TRUNC.cast_unsigned());
    let access = u64::from(libc::O_ACCMODE.cast_unsigned());
    let only = |mode: libc::c_int| {
        let mode = u64::from(mode.cast_unsigned());
        rule(vec![(argument, SeccompCmpOp::MaskedEq(flag | access), flag | mode)])
    };
    Ok(vec![only(libc::O_RDONLY)?, only(libc::O_ACCMODE)?])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use nix::errno::Errno;
    use nix::fcntl::{OFlag, OpenHow, open, openat2};
    use nix::sys::stat::Mode;
    use nix::unistd::truncate;

    use crate::sandbox::domain::Entered;
    use crate::sandbox::seccomp::install;

    fn open_with(path: &Path, flags: OFlag) -> Result<(), Errno> {
        open(path, flags | OFlag::O_CLOEXEC, Mode::empty()).map(drop)
    }

    #[test]
    fn a_file_is_emptied_by_whoever_opens_it_for_writing_alone() {
        // On a thread of its own: filters stay.
        std::thread::spawn(|| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("file");
            let full = || fs::write(&file, "full").unwrap();
            let empty = || fs::metadata(&file).unwrap().len() == 0;
            full();
            open_with(&file, OFlag::O_RDONLY | OFlag::O_TRUNC).unwrap();
            assert!(empty(), "positive control");
            nix::sys::prctl::set_no_new_privs().unwrap();
            install(Entered { abi: 2 }).unwrap();
            full();
            assert_eq!(truncate(&file, 0), Err(Errno::EPERM));
            let flags = OFlag::O_RDONLY | OFlag::O_TRUNC;
            assert_eq!(open_with(&file, flags), Err(Errno::EPERM));
            assert_eq!(open_with(&file, OFlag::O_ACCMODE | OFlag::O_TRUNC), Err(Errno::EPERM));
            let how = OpenHow::new().flags(flags);
            assert_eq!(openat2(nix::fcntl::AT_FDCWD, &file, how).map(drop), Err(Errno::ENOSYS));
            assert!(!empty());
            open_with(&file, OFlag::O_RDONLY).unwrap();
            open_with(&file, OFlag::O_WRONLY | OFlag::O_TRUNC).unwrap();
            assert!(empty());
            full();
            fs::File::create(&file).unwrap();
            assert!(empty());
        })
        .join()
        .unwrap();
    }
}
