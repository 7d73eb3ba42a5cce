//! Names of files, made fit for a folder and for people's eyes.
//!
//! Trust: none in what is given. What comes out cannot leave a folder, hide, or
//! read otherwise than it is; to be unique is for whoever makes the file.

/// Longest name that is made, in bytes: a number still fits what systems take.
const MAX_NAME: usize = 120;
/// Longest ending of a name that is kept when the name is cut, in bytes.
const MAX_ENDING: usize = 16;

/// A name that is only a name: without a path, without what cannot be seen or
/// turns text around, not hidden, not an option, not too long. `file` if nothing
/// is left.
#[must_use]
pub fn plain_name(given: &str) -> String {
    let mut name = plainer(given);
    // What one step uncovers the next one takes away. None makes a name longer.
    loop {
        let next = plainer(&name);
        if next == name {
            return name;
        }
        name = next;
    }
}

fn plainer(given: &str) -> String {
    let base = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = base.chars().filter(|c| !is_unseen(*c)).collect();
    let words = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = words.trim_start_matches(['.', '-', '~', ' ']).trim_end_matches(['.', ' ']);
    match shortened(name) {
        name if name.is_empty() => "file".to_owned(),
        name => name,
    }
}

/// A name in two parts, between which a number fits: `report` and `.pdf`.
#[must_use]
pub fn stem_and_ending(name: &str) -> (&str, &str) {
    let cut = |name: &str| name.rfind('.').filter(|at| *at > 0 && name.len() - at <= MAX_ENDING);
    let Some(at) = cut(name) else { return (name, "") };
    let (stem, _) = name.split_at(at);
    // One ending in two words.
    let at = if stem.ends_with(".tar") { cut(stem).unwrap_or(at) } else { at };
    name.split_at(at)
}

fn shortened(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let (stem, ending) = stem_and_ending(name);
    let mut end = MAX_NAME.saturating_sub(ending.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", stem.get(..end).unwrap_or_default().trim_end())
}

/// Control and format characters: what is not seen, turns the direction of
/// text, or hides text from people but not from a model.
fn is_unseen(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_a_name() {
        for (given, name) in [
            ("report.pdf", "report.pdf"),
            ("../../.ssh/authorized_keys", "authorized_keys"),
            ("..\\..\\evil.exe", "evil.exe"),
            ("/etc/passwd", "passwd"),
            (".bashrc", "bashrc"),
            ("--rf", "rf"),
            ("~root", "root"),
            ("..", "file"),
            ("", "file"),
            ("a/", "file"),
            ("\u{202e}fdp.exe", "fdp.exe"),
            ("a\u{0}b\nc\u{7}.txt", "ab c.txt"),
            ("ta\u{e0041}g\u{200b}.txt", "tag.txt"),
            ("  two  words .md ", "two words .md"),
            ("Über den Wölken ☃.txt", "Über den Wölken ☃.txt"),
            ("u\u{308}.txt", "u\u{308}.txt"),
            ("ends. . .", "ends"),
        ] {
            assert_eq!(plain_name(given), name, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let name = plain_name(&format!("{}.tar.gz", "ä".repeat(500)));
        assert!(name.len() <= MAX_NAME && name.ends_with("ä.tar.gz"), "{name}");
        let name = plain_name(&format!("a.{}", "b".repeat(500)));
        assert_eq!(name.len(), MAX_NAME);
    }

    #[test]
    fn a_plain_name_stays_as_it_is() {
        let long = format!("{}. {}", "x".repeat(118), "y".repeat(9));
        for given in ["x", "../a b.tar.gz", "-\u{202e}.", &"x.y ".repeat(100), &long] {
            let name = plain_name(given);
            assert_eq!(plain_name(&name), name);
        }
    }

    #[test]
    fn a_number_goes_before_the_ending() {
        for (name, parts) in [
            ("report.pdf", ("report", ".pdf")),
            ("a.tar.gz", ("a", ".tar.gz")),
            ("README", ("README", "")),
            (".hidden", (".hidden", "")),
            ("v1.a sentence and more", ("v1.a sentence and more", "")),
        ] {
            assert_eq!(stem_and_ending(name), parts);
        }
    }
}
