//! The cases in their order. The ids of the rows of `docs/attacks.md` that a
//! case covers stand in its name.
//!
//! Trust: none of the attackers played here. Each case of an attack has a
//! control, the same act by somebody who may or with that one defence off.

mod failures;
mod first_steps;
mod frontend;
mod local;
mod package_file;
mod records;
mod removal;
mod service;
mod settings;
mod units;
mod upgrade;
mod users;

use anyhow::Result;

use crate::stage::Stage;

/// One thing that must hold.
pub(crate) struct Case {
    /// Its file and its function.
    pub(crate) name: &'static str,
    /// What follows needs what it does: it is always played, and must pass.
    pub(crate) leads_on: bool,
    pub(crate) run: fn(&mut Stage) -> Result<()>,
}

/// The first case after which nothing can be looked at any more.
pub(crate) const REMOVAL: &str = "removal::removed_it_runs_no_more_and_keeps_its_configuration";

macro_rules! case {
    ($file:ident::$name:ident, $leads_on:expr) => {
        Case {
            name: concat!(stringify!($file), "::", stringify!($name)),
            leads_on: $leads_on,
            run: $file::$name,
        }
    };
}
/// Cases that lead to others are marked so.
macro_rules! cases {
    ($($mark:ident $file:ident::$name:ident),* $(,)?) => {
        vec![$(case!($file::$name, cases!(@ $mark))),*]
    };
    (@ step) => { true };
    (@ case) => { false };
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    cases![
        case package_file::l23_l24_c46_nothing_in_it_gives_rights_away,
        case package_file::it_installs_and_purges_where_no_systemd_runs,
        step first_steps::it_boots,
        step first_steps::it_is_installed_stopped_and_says_the_next_command,
        case first_steps::a_start_without_a_server_says_what_to_do,
        step first_steps::the_readmes_other_commands_lead_to_the_first_answer,
        step users::a_second_person_is_added_by_name_and_served,
        case users::a_name_that_nobody_has_changes_nothing,
        case users::a_start_that_fails_is_no_success,
        case users::show_tells_of_account_and_worker,
        case users::a_removed_person_is_stopped_and_comes_back_to_the_same_home,
        case records::status_and_audit_tell_who_was_started,
        case records::the_journal_is_asked_by_fields_that_it_adds_itself,
        case records::the_frontend_is_known_by_its_uid_through_its_own_user_namespace,
        case records::doctor_isolation_finds_nothing_open,
        case records::f32_a_forged_audit_record_is_not_shown,
        case units::exposure_is_as_low_as_promised,
        case units::c42_a_drop_in_that_weakens_a_unit_is_named,
        case units::a_worker_inherits_the_units_limits,
        case units::the_supervisors_unit_has_four_address_families_and_few_namespaces,
        case units::a28_an_agent_cannot_reach_the_clouds_credentials,
        case failures::the_frontend_hangs,
        case frontend::f19_it_reads_neither_homes_nor_the_mapping,
        case frontend::the_token_is_the_frontends_alone,
        case frontend::f27_it_starts_no_shell,
        case frontend::f28_it_makes_no_namespace_and_traces_nobody,
        case frontend::f29_it_makes_no_code,
        case frontend::f30_it_goes_where_the_admin_lets_it,
        case frontend::f42_what_it_writes_holds_no_programs,
        case records::f31_a_flood_of_the_frontends_costs_no_audit_record,
        case failures::a_frontend_that_hangs_is_started_anew,
        case local::l26_only_root_stops_or_changes_the_service,
        case local::w23_l36_nobody_speaks_to_systemd_for_the_supervisor,
        case local::l25_no_environment_reaches_workers,
        case service::its_status_says_how_both_parts_are,
        case service::its_journal_has_the_audit_records,
        case service::a_stop_waits_for_a_running_turn,
        case settings::unusable_limits_change_nothing_and_stop_the_next_start,
        case settings::unusable_settings_leave_the_earlier_ones_in_force,
        case settings::a_wrong_token_is_the_frontends_failure_alone,
        case failures::a_killed_part_comes_back_and_answers_again,
        case failures::f37_a_storm_of_restarts_does_not_reach_the_supervisor,
        case failures::it_comes_back_with_the_machine,
        case upgrade::l40_c47_an_upgrade_while_people_write_loses_no_message,
        step removal::removed_it_runs_no_more_and_keeps_its_configuration,
        step removal::l41_purged_nothing_of_it_is_left,
    ]
}
