//! `docs/attacks.md` against the cases that exist: no row without its case, no
//! case for a row that does not exist.
//!
//! Trust: the test binary's own list of its cases, and that of the container.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::process::Command;

use gaggle_tests::catalogue;

const CATALOGUE: &str = include_str!("../../../docs/attacks.md");

struct Row {
    kept_by: &'static str,
    place: &'static str,
}

/// The rows by their id in small letters.
fn rows() -> BTreeMap<String, Row> {
    let rows: BTreeMap<_, _> = catalogue::rows(CATALOGUE, 5)
        .filter_map(|cells| {
            let [id, kept_by, _, _, place] = cells[..] else { return None };
            is_id(&id.to_lowercase()).then(|| (id.to_lowercase(), Row { kept_by, place }))
        })
        .collect();
    assert!(rows.len() > 200, "the catalogue was not read");
    rows
}

fn is_id(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| "awflcm".contains(first))
        && word.len() == 3
        && letters.all(|c| c.is_ascii_digit())
}

/// The ids in the names of this binary's cases.
fn covered() -> BTreeSet<String> {
    let names = listed(std::env::current_exe().unwrap());
    ids(names.lines().filter_map(|line| line.strip_suffix(": test")))
}

/// The ids in the names of the container's cases.
fn covered_in_a_container() -> BTreeSet<String> {
    ids(listed(env!("CARGO_BIN_EXE_gaggle-container")).lines())
}

fn listed(program: impl AsRef<OsStr>) -> String {
    let list = Command::new(program).arg("--list").output().unwrap();
    String::from_utf8(list.stdout).unwrap()
}

fn ids<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let words = names.filter_map(|name| name.rsplit("::").next()).flat_map(|name| name.split('_'));
    words.filter(|word| is_id(word)).map(str::to_owned).collect()
}

/// What may stand in the second column.
const KINDS: &[&str] = &["case", "unit", "package", "vm", "due", "residual"];
/// What a row may wait for, as its last column says.
const DUE: &[&str] = &["with the MCP server", "with the doctor's look at the units"];
/// What only a kernel with the controllers, or with SELinux, shows.
const VM: &[&str] = &["a30", "a31", "a34", "c48"];

#[test]
fn every_row_is_kept_in_a_way_that_is_known() {
    for (id, Row { kept_by, place }) in rows() {
        assert!(KINDS.contains(&kept_by), "{id}: {kept_by:?} is no way to keep a row");
        let waits = DUE.contains(&place);
        assert_eq!(kept_by == "due", waits, "{id}: a row that is due says with what");
        assert_eq!(kept_by == "vm", VM.contains(&&*id), "{id}: `vm` is for the rows listed here");
    }
}

#[test]
fn every_row_that_is_due_has_a_case() {
    let covered = covered();
    let rows = rows();
    let missing: Vec<_> = rows
        .iter()
        .filter(|(id, row)| row.kept_by == "case" && !covered.contains(*id))
        .map(|(id, _)| id.as_str())
        .collect();
    assert!(missing.is_empty(), "rows without a case: {}", missing.join(" "));
    let strange: Vec<_> = covered.iter().filter(|id| !rows.contains_key(*id)).collect();
    assert!(strange.is_empty(), "cases without a row: {strange:?}");
}

#[test]
fn every_row_of_the_package_has_a_case_in_a_container() {
    let covered = covered_in_a_container();
    let rows = rows();
    let of_package: BTreeSet<_> =
        rows.iter().filter(|(_, row)| row.kept_by == "package").map(|(id, _)| id.clone()).collect();
    let missing: Vec<_> = of_package.difference(&covered).collect();
    assert!(missing.is_empty(), "rows without a case: {missing:?}");
    let strange: Vec<_> = covered.difference(&of_package).collect();
    assert!(strange.is_empty(), "cases without a row of the package: {strange:?}");
}

#[test]
fn every_unit_test_that_a_row_names_exists() {
    let covered = covered();
    for (id, row) in rows().iter().filter(|(_, row)| row.kept_by == "unit") {
        if covered.contains(id) {
            continue;
        }
        catalogue::find_test(row.place).unwrap_or_else(|error| panic!("{id}: {error}"));
    }
}

#[test]
fn every_residual_risk_stands_in_the_threat_model() {
    let model = include_str!("../../../docs/threat-model.md");
    for (id, _) in rows().iter().filter(|(_, row)| row.kept_by == "residual") {
        assert!(model.contains(&id.to_uppercase()), "{id} is not in docs/threat-model.md");
    }
}
