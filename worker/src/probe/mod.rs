//! `gaggle-worker isolation-probe`: tries to break out of the agent's sandbox,
//! one attack after the other, and says what came of each.
//!
//! The worker starts it where a Goose would run ([`relay`]). Called by hand it
//! runs outside any cage: whatever it then finds open is what the cage closes.
//! It is harmless by construction: signal 0, opening without writing, making a
//! file and removing it, arguments that the kernel must refuse once it has let
//! the caller through. A tool for the account it runs as: no attack goes beyond
//! what that account could do without it.
//!
//! Trust: the kernel's answers. Who reads what it says believes it as far as it
//! believes that nobody interfered with this process.

mod attempt;
mod child;
mod files;
mod ground;
mod home;
mod identity;
mod kernel;
mod limits;
mod machine;
mod namespaces;
mod network;
mod processes;
pub(crate) mod relay;
mod report;
mod sockets;
mod syscalls;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use attempt::Outcome;
use gaggle_ipc::landlock::ABI_WITH_SCOPES;
use gaggle_ipc::session::ProbeOutcome;
use ground::Ground;
pub(crate) use ground::to_arguments;

use crate::sys;

/// One way to try to get out.
struct Attack {
    /// Stable: reports are compared over years.
    name: &'static str,
    /// Tries it.
    act: fn(&Ground) -> Outcome,
}

/// The exit status for arguments that cannot be read.
const EXIT_USAGE: u8 = 64;

/// All attacks, in the order of their trying.
const ATTACKS: &[Attack] = &[
    // Other people's and the machine's files.
    Attack { name: "other_homes", act: files::other_homes },
    Attack { name: "shadow", act: files::shadow },
    Attack { name: "gaggle_config", act: files::gaggle_config },
    Attack { name: "token", act: files::token },
    Attack { name: "write_system", act: files::write_system },
    Attack { name: "write_programs", act: files::write_programs },
    Attack { name: "truncate", act: files::truncate },
    Attack { name: "spools", act: files::spools },
    // The rest of the own home.
    Attack { name: "own_home_outside_profile", act: home::outside_profile },
    Attack { name: "home_modes", act: home::modes },
    Attack { name: "start_up_files", act: home::start_up_files },
    Attack { name: "worker_state", act: home::worker_state },
    Attack { name: "hard_link", act: home::hard_link },
    Attack { name: "rename_out", act: home::rename_out },
    Attack { name: "planted_link", act: home::planted_link },
    // The worker, and everything else that runs.
    Attack { name: "worker_memory", act: processes::worker_memory },
    Attack { name: "worker_files", act: processes::worker_files },
    Attack { name: "worker_descriptors", act: processes::worker_descriptors },
    Attack { name: "signal_worker", act: processes::signal_worker },
    Attack { name: "own_processes", act: processes::own_processes },
    Attack { name: "foreign_processes", act: processes::foreign_processes },
    // Services that would do what the agent may not.
    Attack { name: "control_socket", act: sockets::control_socket },
    Attack { name: "admin_socket", act: sockets::admin_socket },
    Attack { name: "run_sockets", act: sockets::run_sockets },
    Attack { name: "agent_sockets", act: sockets::agent_sockets },
    Attack { name: "abstract_sockets", act: sockets::abstract_sockets },
    Attack { name: "hidden_run", act: sockets::hidden_run },
    Attack { name: "private_tmp", act: sockets::private_tmp },
    Attack { name: "shared_memory", act: sockets::shared_memory },
    // More rights.
    Attack { name: "no_new_privs", act: identity::no_new_privs },
    Attack { name: "set_id_program", act: identity::set_id_program },
    Attack { name: "set_user", act: identity::set_user },
    Attack { name: "set_group", act: identity::set_group },
    Attack { name: "groups", act: identity::groups },
    Attack { name: "capabilities", act: identity::capabilities },
    Attack { name: "bounding_set", act: identity::bounding_set },
    Attack { name: "securebits", act: identity::securebits },
    // Namespaces, mounts, cgroups.
    Attack { name: "user_namespace", act: namespaces::user_namespace },
    Attack { name: "other_namespaces", act: namespaces::other_namespaces },
    Attack { name: "clone3", act: namespaces::clone3 },
    Attack { name: "enter_namespace", act: namespaces::enter_namespace },
    Attack { name: "mount", act: namespaces::mount },
    Attack { name: "umount", act: namespaces::umount },
    Attack { name: "chroot", act: namespaces::chroot },
    Attack { name: "cgroup_escape", act: namespaces::cgroup_escape },
    Attack { name: "cgroup_chmod", act: namespaces::cgroup_chmod },
    // The kernel's wide doors.
    Attack { name: "ptrace", act: kernel::ptrace },
    Attack { name: "keyrings", act: kernel::keyrings },
    Attack { name: "io_uring", act: kernel::io_uring },
    Attack { name: "bpf", act: kernel::bpf },
    Attack { name: "perf", act: kernel::perf },
    Attack { name: "userfaultfd", act: kernel::userfaultfd },
    Attack { name: "odd_sockets", act: kernel::odd_sockets },
    Attack { name: "raw_sockets", act: kernel::raw_sockets },
    Attack { name: "terminal_input", act: kernel::terminal_input },
    // The machine.
    Attack { name: "devices", act: machine::devices },
    Attack { name: "make_device", act: machine::make_device },
    Attack { name: "kernel_settings", act: machine::kernel_settings },
    Attack { name: "kernel_log", act: machine::kernel_log },
    Attack { name: "kernel_modules", act: machine::kernel_modules },
    Attack { name: "kernel_debug", act: machine::kernel_debug },
    Attack { name: "reboot", act: machine::reboot },
    // What this process was given.
    Attack { name: "leftover_descriptors", act: limits::leftover_descriptors },
    Attack { name: "environment", act: limits::environment },
    Attack { name: "core_dumps", act: limits::core_dumps },
    Attack { name: "oom_score", act: limits::oom_score },
    Attack { name: "raise_limits", act: limits::raise_limits },
    Attack { name: "terminal", act: limits::terminal },
    // The network.
    Attack { name: "connect_ports", act: network::connect_ports },
    Attack { name: "listen_ports", act: network::listen_ports },
];

/// What Landlock refuses from an ABI on, and nothing else below it.
const FROM_ABI: &[(&str, u8)] = &[
    ("signal_worker", ABI_WITH_SCOPES),
    ("own_processes", ABI_WITH_SCOPES),
    ("abstract_sockets", ABI_WITH_SCOPES),
    ("agent_sockets", 9),
];

/// Tries everything and prints a line for each attack.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let Some(ground) = Ground::find(arguments) else {
        eprintln!(
            "gaggle-worker: isolation-probe takes no arguments, or a profile and the ports that may be connected to"
        );
        return ExitCode::from(EXIT_USAGE);
    };
    for attack in ATTACKS {
        let outcome = child::attempt(|| (attack.act)(&ground));
        let outcome = explained(attack.name, outcome, sys::landlock_abi());
        let said = writeln!(std::io::stdout(), "{}", report::line(attack.name, &outcome));
        if said.is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Says of what is open that a newer kernel would refuse it.
fn explained(name: &str, outcome: Outcome, abi: u8) -> Outcome {
    let from = FROM_ABI.iter().find(|(attack, from)| *attack == name && abi < *from);
    match (outcome.verdict, from) {
        (ProbeOutcome::Open, Some((_, from))) => Outcome::open(format!(
            "Landlock refuses it from ABI {from} on, this kernel has {abi}: {}",
            outcome.detail
        )),
        _ => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_named_as_the_reason_where_it_is_one() {
        let open = || Outcome::open("kill");
        assert!(
            explained("signal_worker", open(), 2).detail.contains("ABI 6 on, this kernel has 2")
        );
        assert_eq!(explained("signal_worker", open(), 6), open());
        assert_eq!(explained("shadow", open(), 2), open());
        assert_eq!(explained("signal_worker", Outcome::held("EPERM"), 2), Outcome::held("EPERM"));
        for (name, _) in FROM_ABI {
            assert!(ATTACKS.iter().any(|attack| attack.name == *name), "{name}");
        }
    }
    use std::collections::HashSet;

    #[test]
    fn every_attack_has_a_name_of_its_own_in_the_grammar_of_reports() {
        let names: HashSet<_> = ATTACKS.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), ATTACKS.len());
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(names.iter().all(|name| name.len() <= 64 && name.chars().all(good)));
    }
}
