//! Documents that list what may go wrong, a row each, with the tests that show
//! it: reads the rows and looks for the tests.
//!
//! Trust: the source tree, as it stands.

use std::path::Path;

/// The cells of each table row of `document` that has `columns` of them.
pub fn rows(document: &str, columns: usize) -> impl Iterator<Item = Vec<&str>> {
    document.lines().filter_map(move |line| {
        let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        (cells.len() == columns).then_some(cells)
    })
}

/// Looks for the test that `place` names, as `` `file::test` `` with the file's
/// path from the root of the source tree.
///
/// # Errors
///
/// What is missing: the form, the file, or a test of that name which is run.
pub fn find_test(place: &str) -> Result<(), String> {
    let named = place.strip_prefix('`').and_then(|place| place.strip_suffix('`'));
    let (file, test) = named
        .and_then(|named| named.split_once("::"))
        .ok_or_else(|| format!("{place:?} does not name `file::test`"))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no root")?;
    let text =
        std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    if is_run(&text, test) { Ok(()) } else { Err(format!("no test {test} in {file}")) }
}

/// Whether a function of that name is marked as a test and not ignored, or a
/// macro of the file makes one of it.
fn is_run(text: &str, test: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let made = format!("{test}: ");
    if text.contains("macro_rules! ") && lines.iter().any(|line| line.starts_with(&made)) {
        return true;
    }
    let head = format!("fn {test}(");
    let found = lines.iter().position(|line| line.trim_start_matches("async ").starts_with(&head));
    let before = found.and_then(|at| lines.get(..at)).unwrap_or_default();
    let marks = || before.iter().rev().take_while(|line| line.starts_with(['#', '/']));
    marks().any(|mark| mark.starts_with("#[test]") || mark.starts_with("#[tokio::test"))
        && !marks().any(|mark| mark.starts_with("#[ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_told_from_what_only_has_its_name() {
        let text = "fn plain() {}\n/// About.\n#[test]\nfn real() {}\n#[tokio::test(flavor = \"x\")]\n\
            async fn waiting() {}\n#[test]\n#[ignore = \"slow\"]\nfn left_out() {}\n";
        assert!(is_run(text, "real") && is_run(text, "waiting"));
        for name in ["plain", "left_out", "rea", "nowhere"] {
            assert!(!is_run(text, name), "{name}");
        }
        assert!(is_run("macro_rules! m {}\nm! {\n    made: 1;\n}", "made"));
    }
}
