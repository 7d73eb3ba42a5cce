//! The system calls no agent needs, refused for Goose and all below it.
//!
//! A deny list: agents run compilers, shells and interpreters, for which no
//! allow list holds. Three filters, since one filter has one answer: the list
//! (`EPERM`), `clone3` (`ENOSYS`, so that libraries fall back to `clone`, whose
//! flags a filter can see), and the second numbering of x86-64.
//!
//! Trust: the kernel, which keeps a filter through fork and exec.

mod truncation;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::domain::Entered;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeccompError {
    /// The filter could not be built, or the machine's architecture is unknown.
    #[error("the system call filter cannot be built: {0}")]
    Build(#[from] seccompiler::BackendError),
    /// The kernel refused it.
    #[error("the kernel refused the system call filter: {0}; boot a kernel with seccomp filters")]
    Kernel(#[from] seccompiler::Error),
}

/// Refused whatever the arguments.
const DENIED: &[libc::c_long] = &[
    // Other processes' memory and descriptors.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Large and young kernel interfaces.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_memfd_secret,
    // Keyrings are shared by everything of one account.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The machine itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_personality,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_lookup_dcookie,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

/// Every way for `clone` to leave the namespaces.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The only socket families.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Typing into a terminal in another's name.
const TERMINAL_INPUT: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// Installs all filters on the calling thread, for ever; with those that stand
/// in for what `domain` cannot rule.
///
/// # Errors
/// [`SeccompError`].
pub(crate) fn install(domain: Entered) -> Result<(), SeccompError> {
    let mut programs = vec![foreign_numbers(), denied()?, clone3()?];
    if domain.lets_files_be_emptied() {
        programs.extend(truncation::filters()?);
    }
    programs.iter().try_for_each(|program| Ok(apply_filter(program)?))
}

fn architecture() -> Result<TargetArch, SeccompError> {
    Ok(TargetArch::try_from(std::env::consts::ARCH)?)
}

fn denied() -> Result<BpfProgram, SeccompError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().chain(DENIED_HERE).map(|number| (*number, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::from(flag.cast_unsigned());
        namespaces.push(rule(vec![(0, SeccompCmpOp::MaskedEq(flag), flag)])?);
    }
    rules.insert(libc::SYS_clone, namespaces);
    let other_family =
        FAMILIES.iter().map(|family| (0, SeccompCmpOp::Ne, u64::from(family.cast_unsigned())));
    let other_family: Vec<_> = other_family.collect();
    rules.insert(libc::SYS_socket, vec![rule(other_family.clone())?]);
    // It makes a socket of the family, and loads its module, before it asks
    // whether the family has pairs.
    rules.insert(libc::SYS_socketpair, vec![rule(other_family)?]);
    // Another process' limits and niceness, for which the kernel asks about the
    // account alone: a limit on CPU time kills where no signal may.
    let of_another = rule(vec![(0, SeccompCmpOp::Ne, 0)])?;
    rules.insert(libc::SYS_prlimit64, vec![of_another.clone()]);
    rules.insert(libc::SYS_setpriority, vec![of_another, rule(vec![(1, SeccompCmpOp::Ne, 0)])?]);
    let mut requests = Vec::new();
    for request in TERMINAL_INPUT {
        requests.push(rule(vec![(1, SeccompCmpOp::Eq, *request)])?);
    }
    rules.insert(libc::SYS_ioctl, requests);
    compile(rules, libc::EPERM)
}

fn clone3() -> Result<BpfProgram, SeccompError> {
    compile(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
}

/// A rule that holds when all its conditions do. The kernel looks at the lower
/// half of these arguments only, and so do the conditions.
fn rule(conditions: Vec<(u8, SeccompCmpOp, u64)>) -> Result<SeccompRule, SeccompError> {
    let mut all = Vec::new();
    for (argument, operator, value) in conditions {
        all.push(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?);
    }
    Ok(SeccompRule::new(all)?)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    errno: libc::c_int,
) -> Result<BpfProgram, SeccompError> {
    let refused = SeccompAction::Errno(errno.cast_unsigned());
    // The compiled program kills a process that speaks another architecture.
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture()?)?;
    Ok(filter.try_into()?)
}

/// Refuses system call numbers with the x32 bit, which would reach the same
/// calls past the list. The builder compares for equality only, hence by hand.
fn foreign_numbers() -> BpfProgram {
    use seccompiler::sock_filter;
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32_BIT: u32 = 0x4000_0000;
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_AT_LEAST, 0, 1, X32_BIT),
        step(RETURN, 0, 0, refuse),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket, socketpair};

    fn packet_socket() -> Result<(), Errno> {
        socket(AddressFamily::Vsock, SockType::Stream, SockFlag::empty(), None).map(drop)
    }

    fn pair(family: AddressFamily) -> Result<(), Errno> {
        socketpair(family, SockType::Stream, None, SockFlag::empty()).map(drop)
    }

    #[test]
    fn the_filters_refuse_their_calls_and_let_ordinary_work_pass() {
        // On a thread of its own: filters stay.
        std::thread::spawn(|| {
            let control = unshare(CloneFlags::CLONE_FS);
            assert_eq!(control, Ok(()), "positive control");
            assert_ne!(packet_socket(), Err(Errno::EPERM), "positive control");
            assert_ne!(pair(AddressFamily::Vsock), Err(Errno::EPERM), "positive control");
            nix::sys::prctl::set_no_new_privs().unwrap();
            install(Entered { abi: 9 }).unwrap();
            assert_eq!(unshare(CloneFlags::CLONE_FS), Err(Errno::EPERM));
            assert_eq!(packet_socket(), Err(Errno::EPERM));
            assert_eq!(pair(AddressFamily::Vsock), Err(Errno::EPERM));
            assert_eq!(pair(AddressFamily::Unix), Ok(()));
            std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            std::thread::spawn(|| ()).join().unwrap();
            let shell = std::process::Command::new("/bin/sh").args(["-c", "exit 7"]).status();
            assert_eq!(shell.unwrap().code(), Some(7));
        })
        .join()
        .unwrap();
    }
}
