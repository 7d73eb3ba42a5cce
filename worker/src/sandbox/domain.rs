//! Building a Landlock domain from a table of places and entering it.
//!
//! Trust: the kernel. Below the floor nothing is entered and the caller must
//! stop; above it everything the kernel knows is used. A domain binds the
//! calling thread and what it starts, so it is entered before any thread is.

use std::os::fd::AsFd;

use gaggle_ipc::landlock::{ABI_WITH_SCOPES, BelowFloor};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use super::places::{Place, Right};
use crate::sys;

/// The newest ABI whose rights are named here.
const NEWEST: ABI = ABI::V9;
/// First ABI that knows TCP ports, and the one that knows of truncation.
const ABI_WITH_PORTS: u8 = 4;
const ABI_WITH_TRUNCATION: u8 = 3;

/// Why there is no domain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DomainError {
    /// The kernel knows less than the floor asks for.
    #[error(transparent)]
    BelowFloor(BelowFloor),
    /// Ports are to be restricted and the kernel cannot.
    #[error(
        "connect_ports needs Landlock ABI 4, which this kernel does not offer; boot Linux 6.7 or newer"
    )]
    NoPorts,
    /// The kernel refused a ruleset it should take.
    #[error("the kernel refused the Landlock domain: {0}")]
    Kernel(#[from] landlock::RulesetError),
}

/// A domain in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entered {
    /// The kernel's ABI, as far as it is used here; 0 = no Landlock at all.
    pub(crate) abi: u8,
}

impl Entered {
    /// Whether signals and abstract sockets stay inside.
    pub(crate) fn has_scopes(self) -> bool {
        self.abi >= ABI_WITH_SCOPES
    }

    /// Whether files are ruled and emptying them is not.
    pub(crate) fn lets_files_be_emptied(self) -> bool {
        (1..ABI_WITH_TRUNCATION).contains(&self.abi)
    }
}

/// Restricts the calling thread to `places` and, where given, to connections
/// to `ports`.
///
/// # Errors
/// [`DomainError`]; then the thread is restricted no further than before.
pub(crate) fn enter(
    places: &[Place],
    ports: Option<&[u16]>,
    floor: u8,
) -> Result<Entered, DomainError> {
    let mut ruleset = required(floor)?;
    if ports.is_some() {
        ruleset = ruleset
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessNet::from_all(ABI::V4))
            .map_err(|_| DomainError::NoPorts)?;
    }
    let mut rules = ruleset
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for place in places {
        rules = rules.add_rule(PathBeneath::new(place.at.as_fd(), rights(place)))?;
    }
    for port in ports.unwrap_or_default() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = rules.restrict_self()?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u8,
        _ => 0,
    };
    let in_force = status.ruleset != RulesetStatus::NotEnforced;
    let ports_in_force = ports.is_none() || abi >= ABI_WITH_PORTS;
    if abi < floor || (floor > 0 && !in_force) {
        return Err(below(floor));
    }
    if !ports_in_force {
        return Err(DomainError::NoPorts);
    }
    Ok(Entered { abi: if in_force { abi } else { 0 } })
}

fn below(floor: u8) -> DomainError {
    DomainError::BelowFloor(BelowFloor { abi: sys::landlock_abi(), floor })
}

/// A ruleset that can only be made where the kernel has all of the floor.
fn required(floor: u8) -> Result<Ruleset, DomainError> {
    if floor == 0 {
        return Ok(Ruleset::default());
    }
    let abi = ABI::from(i32::from(floor));
    let below = |_| below(floor);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .map_err(below)?;
    if floor >= ABI_WITH_SCOPES {
        return ruleset.scope(Scope::from_all(abi)).map_err(below);
    }
    Ok(ruleset)
}

/// The kernel's rights for a row of the table.
fn rights(place: &Place) -> BitFlags<AccessFs> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let execute = read | AccessFs::Execute;
    let write = read
        | make_bitflags!(AccessFs::{
            WriteFile | Truncate | Refer | RemoveDir | RemoveFile | MakeDir | MakeReg | MakeSym
            | MakeSock | MakeFifo | ResolveUnix
        });
    let all = match place.right {
        Right::Read => read,
        Right::Execute => execute,
        Right::Write => write,
        Right::WriteExecute => write | AccessFs::Execute,
        Right::Device => make_bitflags!(AccessFs::{ReadFile | WriteFile | IoctlDev}),
        Right::Cgroup => {
            make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | MakeDir | RemoveDir})
        }
    };
    if place.folder { all } else { all & AccessFs::from_file(NEWEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(right: Right, folder: bool) -> Place {
        let at = std::fs::File::open(if folder { "/tmp" } else { "/dev/null" }).unwrap().into();
        Place { at, right, folder }
    }

    #[test]
    fn only_what_says_so_may_be_executed_or_written() {
        for (right, execute, write) in [
            (Right::Read, false, false),
            (Right::Execute, true, false),
            (Right::Write, false, true),
            (Right::WriteExecute, true, true),
            (Right::Cgroup, false, true),
        ] {
            let rights = rights(&place(right, true));
            assert_eq!(rights.contains(AccessFs::Execute), execute, "{right:?}");
            assert_eq!(rights.contains(AccessFs::WriteFile), write, "{right:?}");
            assert!(!rights.intersects(make_bitflags!(AccessFs::{MakeBlock | MakeChar})));
        }
    }

    #[test]
    fn a_file_gets_no_right_that_only_folders_have() {
        let rights = rights(&place(Right::WriteExecute, false));
        assert!(!rights.intersects(make_bitflags!(AccessFs::{ReadDir | MakeReg | Refer})));
    }

    #[test]
    fn a_floor_above_the_kernel_is_refused_and_nothing_is_entered() {
        // On a thread of its own: a domain would stay with the thread.
        std::thread::spawn(|| {
            let places = [place(Right::Read, true)];
            match enter(&places, None, 9) {
                Err(DomainError::BelowFloor(below)) => {
                    assert_eq!(below, BelowFloor { abi: sys::landlock_abi(), floor: 9 });
                    assert!(std::fs::File::open("/etc/passwd").is_ok());
                }
                Ok(entered) => assert_eq!(entered.abi, 9),
                Err(other) => panic!("{other}"),
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_domain_denies_what_no_place_allows() {
        std::thread::spawn(|| {
            assert!(std::fs::File::open("/etc/passwd").is_ok(), "positive control");
            let entered = enter(&[place(Right::Write, true)], None, 0).unwrap();
            if entered.abi == 0 {
                eprintln!("this kernel has no Landlock; the denial was not checked");
                return;
            }
            assert!(std::fs::File::open("/etc/passwd").is_err());
            assert!(std::fs::read_dir("/tmp").is_ok());
        })
        .join()
        .unwrap();
    }
}
