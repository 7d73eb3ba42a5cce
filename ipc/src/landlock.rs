//! What each Landlock ABI brought, in an admin's words, and what to do where a
//! kernel has too little of it.
//!
//! Trust: none is needed; the numbers are the kernel's and root's settings.

use std::fmt;

/// The first ABI with everything that tells an agent from its account's other
/// processes.
pub const ABI_WITH_SCOPES: u8 = 6;

/// What is missing below an ABI.
const BROUGHT: &[(u8, &str)] = &[
    (2, "moving files between folders"),
    (3, "the kernel's own rule for emptying files, in whose place a system call filter refuses it"),
    (4, "connect_ports"),
    (5, "rules for the control calls of devices"),
    (
        ABI_WITH_SCOPES,
        "keeping an agent's signals and abstract sockets from its account's other processes, its own worker among them",
    ),
];

/// What a kernel of `abi` goes without; empty from [`ABI_WITH_SCOPES`] on.
#[must_use]
pub fn lacking(abi: u8) -> String {
    let missing = BROUGHT.iter().filter(|(brought, _)| *brought > abi);
    let missing = missing.map(|(brought, what)| format!("{what} (ABI {brought})"));
    missing.collect::<Vec<_>>().join("; ")
}

/// The kernel offers less than the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BelowFloor {
    /// What the kernel offers; 0 = no Landlock.
    pub abi: u8,
    /// What `landlock_floor` asks for.
    pub floor: u8,
}

impl fmt::Display for BelowFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { abi, floor } = *self;
        if abi == 0 {
            return f.write_str(
                "this kernel offers no Landlock, and no agent is started without, whatever landlock_floor says: \
                 boot with landlock among the security modules (/sys/kernel/security/lsm lists them; a lsm= on the \
                 kernel's command line has to name it), or boot a kernel built with CONFIG_SECURITY_LANDLOCK",
            );
        }
        write!(
            f,
            "this kernel offers Landlock ABI {abi} and landlock_floor asks for {floor}: either boot a newer kernel \
             (Debian 12: apt install -t bookworm-backports linux-image-amd64, then reboot), or set landlock_floor = \
             {abi} in /etc/gaggle/supervisor.toml and go without what this kernel lacks: {}",
            lacking(abi)
        )
    }
}

impl std::error::Error for BelowFloor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_told_from_one_without() {
        let old = BelowFloor { abi: 2, floor: 3 }.to_string();
        for part in ["ABI 2", "asks for 3", "landlock_floor = 2", "connect_ports (ABI 4)"] {
            assert!(old.contains(part), "{part}: {old}");
        }
        assert!(!old.contains("moving files"), "ABI 2 has that: {old}");
        let none = BelowFloor { abi: 0, floor: 1 }.to_string();
        assert!(none.contains("lsm=") && !none.contains("landlock_floor = 0"), "{none}");
    }

    #[test]
    fn it_fits_the_line_that_a_worker_may_write() {
        const LINE: usize = 1000;
        for abi in 0..=8 {
            assert!(BelowFloor { abi, floor: 9 }.to_string().len() < LINE, "{abi}");
        }
    }

    #[test]
    fn a_kernel_with_scopes_lacks_nothing_of_it() {
        assert_eq!(lacking(ABI_WITH_SCOPES), "");
    }
}
