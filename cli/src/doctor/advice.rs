//! What an admin does about a start that the supervisor refuses.
//!
//! Trust: the supervisor's reason.

use gaggle_ipc::control::RefusalCode;

/// The next step, with the account that it is about.
pub(super) fn next(code: RefusalCode, account: &str) -> String {
    let text = match code {
        RefusalCode::Lockdown => "everything is switched off; lift it: gaggle lockdown off",
        RefusalCode::StartRate => {
            "it was started too often; in a minute: gaggle doctor isolation --account ACCOUNT"
        }
        RefusalCode::CrashLoop => {
            "it failed time and again, the reason is in: gaggle audit --account ACCOUNT"
        }
        RefusalCode::Busy | RefusalCode::ShuttingDown => {
            "in a moment: gaggle doctor isolation --account ACCOUNT"
        }
        RefusalCode::AccountExpired => "let the account work again: chage -E -1 ACCOUNT",
        RefusalCode::AccountChanged => "read the account again: systemctl reload gaggle",
        RefusalCode::AuditUnavailable => {
            "the journal takes no records: systemctl status systemd-journald"
        }
        RefusalCode::LimitsUnavailable => {
            "this machine cannot limit memory, processes and processors: see require_limits in docs/configuration.md"
        }
        RefusalCode::TooManyWorkers => "raise max_workers in supervisor.toml, or wait",
        RefusalCode::Resources | RefusalCode::CgroupFailed => {
            "journalctl -u gaggle-supervisor -n 20"
        }
        _ => "gaggle audit --account ACCOUNT --since 5min",
    };
    text.replace("ACCOUNT", account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_the_account_that_it_is_about() {
        assert_eq!(
            next(RefusalCode::AccountExpired, "alice").split(": ").nth(1),
            Some("chage -E -1 alice")
        );
        assert!(next(RefusalCode::LaunchFailed, "alice").contains("--account alice"));
        assert!(next(RefusalCode::Lockdown, "alice").ends_with("gaggle lockdown off"));
    }
}
