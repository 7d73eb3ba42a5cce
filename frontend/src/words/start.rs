//! Why a person's worker did not start, or is gone.
//!
//! Trust: codes from root, and exit codes of a worker that root passes on.

use gaggle_ipc::control::{Refusal, RefusalCode, StopReason, WorkerExit};
use gaggle_ipc::launch::LaunchStep;

use crate::supervisor::StartError;
use crate::worker::WorkerError;

/// Why root refused to start a worker.
#[must_use]
pub fn refusal(refusal: &Refusal) -> String {
    use RefusalCode as C;
    let sentence = match refusal.code {
        C::Unmapped => {
            "You are not connected with an account on this machine yet. Your admin can do that."
        }
        C::EntryRefused => {
            "Your entry in the user mapping is not usable. Your admin sees why with `sudo gaggle status`."
        }
        C::AccountUnknown => {
            "The account that you are connected with does not exist on this machine. Your admin has to correct the user mapping."
        }
        C::AccountExpired => {
            "Your account on this machine is switched off. Your admin can switch it on again."
        }
        C::AccountChanged => {
            "Your account on this machine has changed since your admin connected you with it. Your admin has to confirm it."
        }
        C::AccountIsRoot => {
            "You are connected with the machine's administrator account, and I never work under that. Your admin has to choose an ordinary account."
        }
        C::AccountIsSystem => {
            "You are connected with a system account, and I never work under those. Your admin has to choose an ordinary account."
        }
        C::AccountShared => {
            "Somebody else is connected with the same account. Your admin has to give you one of your own, or mark it as shared."
        }
        C::HomeUnusable => "Your account has no usable home folder. Your admin has to give it one.",
        C::LookupFailed => {
            "Your account could not be looked up just now. Please try again in a minute."
        }
        C::TooManyWorkers => {
            "As many people are using me as this machine allows. Please try again later."
        }
        C::StartRate => {
            "Your agent was started too often in the last minutes. Please wait a little and try again."
        }
        C::Busy => "Your agent is just being started or stopped. Please try again in a moment.",
        C::LaunchFailed => return launch(refusal.step),
        C::CgroupFailed => {
            "Your agent could not be given its share of the machine's resources. Your admin finds the cause in the journal."
        }
        C::AuditUnavailable => {
            "The machine cannot keep its audit log, so nothing is started. Your admin has to repair the journal."
        }
        C::CrashLoop => {
            "Your agent failed several times in a row and rests for some minutes. Your admin finds the cause with `sudo gaggle audit`."
        }
        C::LimitsUnavailable => {
            "This machine cannot limit what agents use, so none is started. Your admin sees why with `sudo gaggle status`."
        }
        C::Lockdown => "Your admin has switched all agents off for now.",
        C::ShuttingDown => "I am about to be restarted. Please try again in a minute.",
        C::Resources => {
            "The machine is out of memory or processes. Please try again later, and tell your admin."
        }
    };
    sentence.to_owned()
}

/// Why there is no worker.
#[must_use]
pub fn not_started(error: &WorkerError) -> String {
    match error {
        WorkerError::Start(StartError::Refused(code)) => refusal(code),
        WorkerError::Start(StartError::Running(_)) => {
            "Your agent is just being stopped. Please try again in a moment.".to_owned()
        }
        WorkerError::Start(StartError::Version(_)) => "I was upgraded only by half. Your admin has to restart both Gaggle services.".to_owned(),
        WorkerError::Start(StartError::Unreachable | StartError::Closed(_)) => "I cannot start your agent, because Gaggle's supervisor does not answer. Please tell your admin.".to_owned(),
        WorkerError::Ended(Some(how)) => exit(how),
        WorkerError::Ended(None) | WorkerError::Silent | WorkerError::Channel(_) => "Your agent could not be started. Your admin finds the cause in the journal.".to_owned(),
    }
}

/// A worker ended by itself or was stopped.
#[must_use]
pub fn exit(exit: &WorkerExit) -> String {
    match exit {
        WorkerExit::SandboxRefused(step) => launch(Some(*step)),
        WorkerExit::Status(0) => "Your agent was stopped.".to_owned(),
        WorkerExit::Status(_) | WorkerExit::Signal(_) => {
            "Your agent ended unexpectedly.".to_owned()
        }
        WorkerExit::Stopped(reason) => stopped(*reason).to_owned(),
    }
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Requested => "Your agent did not work as it should and was stopped.",
        StopReason::MappingChanged => {
            "Your admin has changed or removed your account's connection with me."
        }
        StopReason::AccountExpired => "Your account on this machine was switched off.",
        StopReason::FrontendGone | StopReason::ShuttingDown => "I was restarted.",
        StopReason::Lockdown => "Your admin has switched all agents off for now.",
        StopReason::LaunchTimeout => {
            "Your agent did not start in time. Please try again, and tell your admin if it goes on."
        }
    }
}

/// A step between fork and service failed.
fn launch(step: Option<LaunchStep>) -> String {
    use LaunchStep as S;
    let sentence = match step {
        None => "Your agent could not be started. Your admin finds the cause in the journal.",
        Some(S::HomeMissing) => {
            "Your account's home folder does not exist or cannot be entered. Your admin has to make it."
        }
        Some(S::HomeOwner) => {
            "Your account's home folder does not belong to your account. Your admin has to correct its owner."
        }
        Some(S::HomeMode) => {
            "Others may write in your account's home folder, so nothing is started there. Your admin has to correct its mode (`chmod go-w`)."
        }
        Some(S::WorkerFolders) => {
            "A folder your agent works with could not be made or opened: your home may be full or read-only, or a path that your admin added is missing or a link. Your admin finds which one in the journal."
        }
        Some(S::WorkerPrograms | S::Programs) => {
            "Goose is not installed as it must be. Your admin sees what is missing with `sudo gaggle doctor`."
        }
        Some(S::LandlockFloor) => {
            "This machine's kernel cannot confine your agent as strictly as your admin asks for, so it is not started."
        }
        Some(
            S::Landlock | S::AgentLandlock | S::AgentSeccomp | S::AgentCgroup | S::WorkerDumpable,
        ) => {
            "Your agent's sandbox could not be built, so it is not started. Your admin finds the cause in the journal."
        }
        Some(S::AgentExec) => {
            "Goose could not be started. Your admin sees why with `sudo gaggle doctor`."
        }
        Some(
            S::Uid
            | S::Gid
            | S::Groups
            | S::Verify
            | S::Capabilities
            | S::Securebits
            | S::WorkerIdentity
            // Told by codes of their own.
            | S::AccountUnknown
            | S::AccountChanged
            | S::AccountExpired
            | S::AccountLookup,
        ) => {
            "Your agent could not be put under your account safely, so it is not started. Your admin finds the cause in the journal."
        }
        Some(
            S::Signals
            | S::NewSession
            | S::JoinCgroup
            | S::Descriptors
            | S::Mounts
            | S::Limits
            | S::Umask
            | S::DeathSignal
            | S::Exec
            | S::WorkerEnvironment,
        ) => "A step of your agent's start failed. Your admin finds which one in the journal.",
    };
    sentence.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_sentence_that_says_what_to_do() {
        for step in LaunchStep::ALL {
            let text = exit(&WorkerExit::SandboxRefused(*step));
            assert!(text.ends_with('.') && text.len() > 30, "{step:?}");
        }
    }

    #[test]
    fn a_failed_launch_names_its_step() {
        let home =
            Refusal { code: RefusalCode::LaunchFailed, step: Some(LaunchStep::HomeMode), errno: 0 };
        assert!(refusal(&home).contains("chmod go-w"));
        assert!(refusal(&RefusalCode::AccountExpired.into()).contains("switched off"));
    }
}
