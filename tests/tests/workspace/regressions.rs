//! `docs/regressions.md` against the tests that exist: no row is missing, and
//! each names a test that is run, or what it waits for.

use std::collections::BTreeMap;

use gaggle_tests::catalogue;

const DOCUMENT: &str = include_str!("../../../docs/regressions.md");
/// Rows whose part of Gaggle does not exist yet, and what they wait for.
const DUE: &[(&str, &str)] = &[("X10", "due with the tools")];

fn ids() -> impl Iterator<Item = String> {
    (1..=13).map(|n| format!("X{n}")).chain((1..=37).map(|n| format!("B{n:02}")))
}

fn rows() -> BTreeMap<&'static str, &'static str> {
    let mut rows = BTreeMap::new();
    for cells in catalogue::rows(DOCUMENT, 4) {
        let [id, _, _, shown_by] = cells[..] else { continue };
        if id == "id" || id.starts_with('-') {
            continue;
        }
        assert!(rows.insert(id, shown_by).is_none(), "{id} stands there twice");
    }
    rows
}

#[test]
fn no_regression_is_missing_and_none_is_strange() {
    let mut wanted: Vec<_> = ids().collect();
    wanted.sort();
    assert_eq!(rows().into_keys().collect::<Vec<_>>(), wanted);
}

#[test]
fn every_regression_has_a_test_or_waits_as_listed() {
    let mut due = Vec::new();
    let mut missing = Vec::new();
    for (id, shown_by) in rows() {
        if shown_by.starts_with("due ") {
            due.push((id, shown_by));
            continue;
        }
        let tests = shown_by.split(", ").map(catalogue::find_test);
        missing.extend(tests.filter_map(Result::err).map(|error| format!("{id}: {error}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(due, DUE);
}
