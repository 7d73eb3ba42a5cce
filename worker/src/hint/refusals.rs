//! Reads from a tool's output what it was refused.
//!
//! Trust: none. What is found is a guess to be looked into; all of it is bounded.

use std::path::{Path, PathBuf};

/// How much of the end of an output is read, in bytes.
const READ: usize = 16 * 1024;
/// Most paths, and most ports, that are looked into.
const MOST: usize = 8;
/// Longest path, in bytes: it is to stand in a sentence twice.
const LONGEST: usize = 120;
/// So many lines above a refusal without a path may name it.
const ABOVE: usize = 4;

/// What an output says was refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    /// Absolute paths, each once.
    pub(super) paths: Vec<PathBuf>,
    /// TCP ports, each once.
    pub(super) ports: Vec<u16>,
}

impl Refusals {
    /// Reads the end of `output`; `~` is `home`.
    pub(super) fn read(output: &str, home: &Path) -> Self {
        let lines: Vec<&str> = end(output).lines().collect();
        let mut all = Self::default();
        for (at, line) in lines.iter().enumerate() {
            let lower = line.to_ascii_lowercase();
            // EPERM is not what the sandbox says about files and ports.
            let denied = ["permission denied", "eacces", "read-only file system", "erofs"]
                .iter()
                .any(|words| lower.contains(words));
            if is_connection(&lower) {
                if denied || lower.contains("connect to server") {
                    all.add_port(port(&lower));
                }
            } else if denied {
                let above = lines.get(at.saturating_sub(ABOVE)..at).unwrap_or_default();
                let own = std::iter::once(line).chain(above.iter().rev());
                let named = own.map(|line| paths(line, home)).find(|paths| !paths.is_empty());
                named.unwrap_or_default().into_iter().for_each(|path| all.add_path(path));
            }
        }
        all
    }

    fn add_path(&mut self, path: PathBuf) {
        if self.paths.len() < MOST && !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }

    fn add_port(&mut self, port: Option<u16>) {
        if let Some(port) = port.filter(|port| !self.ports.contains(port))
            && self.ports.len() < MOST
        {
            self.ports.push(port);
        }
    }
}

/// The last whole lines that fit.
fn end(output: &str) -> &str {
    let mut start = output.len().saturating_sub(READ);
    if start == 0 {
        return output;
    }
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let end = output.get(start..).unwrap_or_default();
    end.split_once('\n').map_or("", |(_, whole)| whole)
}

/// The line is about reaching another machine, not a file.
fn is_connection(lower: &str) -> bool {
    const WORDS: [&str; 6] =
        ["connect to ", "connecting to ", "connect:", "connect eacces", "dial tcp", "/dev/tcp/"];
    WORDS.iter().any(|word| lower.contains(word))
}

/// The port that a line about a connection names.
fn port(lower: &str) -> Option<u16> {
    let after = |mark: &str| lower.split_once(mark).map(|(_, after)| after);
    let named = after("/dev/tcp/").and_then(|rest| rest.split('/').nth(1)).or(after(" port "));
    if let Some(port) = named.and_then(leading_number) {
        return Some(port);
    }
    let word_ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '(' | ')' | ',');
    lower.split(word_ends).find_map(|word| {
        let (host, port) = word.trim_end_matches(['.', ':']).rsplit_once(':')?;
        let is_host =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
        (!host.is_empty() && host.chars().all(is_host)).then(|| number(port)).flatten()
    })
}

fn leading_number(text: &str) -> Option<u16> {
    number(text.split(|c: char| !c.is_ascii_digit()).next()?)
}

fn number(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port| *port != 0)
}

/// The absolute paths in a line.
fn paths(line: &str, home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        let begins = before.is_whitespace() || "'\"`‘“([=:".contains(before);
        if begins && (c == '/' || rest.starts_with("~/")) {
            found.extend(path(rest, before, home));
        }
        before = c;
    }
    found
}

/// The path that `rest` begins with; `before` may be the quote it stands in.
fn path(rest: &str, before: char, home: &Path) -> Option<PathBuf> {
    let closing = match before {
        '‘' => Some('’'),
        '“' => Some('”'),
        '\'' | '"' | '`' => Some(before),
        _ => None,
    };
    let text = match closing {
        Some(closing) => rest.split_once(closing)?.0,
        None => rest.split(": ").next()?.trim_end_matches([':', '.', ',', ')', ' ']),
    };
    // It is going to stand in a sentence and in a line of JSON.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%=~ ".contains(c);
    if text.len() > LONGEST || !text.chars().all(plain) {
        return None;
    }
    match text.strip_prefix("~/") {
        Some(below) => Some(home.join(below)),
        None => Some(PathBuf::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of(output: &str) -> Vec<String> {
        let read = Refusals::read(output, Path::new("/home/alice"));
        read.paths.iter().map(|path| path.display().to_string()).collect()
    }

    fn ports_of(output: &str) -> Vec<u16> {
        Refusals::read(output, Path::new("/home/alice")).ports
    }

    #[test]
    fn what_tools_say_of_a_refused_file_names_it() {
        for output in [
            "cat: /data/x: Permission denied\n\nCommand exited with code 1",
            "ls: cannot open directory '/data/x': Permission denied",
            "touch: cannot touch '/data/x': Permission denied",
            "touch: cannot touch '/data/x': Read-only file system",
            "Error: EROFS: read-only file system, open '/data/x'",
            "mkdir: cannot create directory ‘/data/x’: Permission denied",
            "head: cannot open '/data/x' for reading: Permission denied",
            "sed: can't read /data/x: Permission denied",
            "tar: /data/x: Cannot open: Permission denied\ntar: Exiting with failure status",
            "find: ‘/data/x’: Permission denied",
            "PermissionError: [Errno 13] Permission denied: '/data/x'",
            "Error: EACCES: permission denied, open '/data/x'\n    at Object.openSync (node:fs:573:18)",
            "open /data/x: permission denied",
            "fatal: cannot mkdir /data/x: Permission denied",
            "error: could not open\nfatal: error opening '/data/x': Permission denied",
            "Failed to read /data/x: Permission denied (os error 13)",
            "diff: /data/x: Permission denied",
            "error: failed to read `/data/x`\n\nCaused by:\n  Permission denied (os error 13)",
            "error: failed to open: /data/x\n\nCaused by:\n  Permission denied (os error 13)",
        ] {
            assert_eq!(paths_of(output), ["/data/x"], "{output}");
        }
    }

    #[test]
    fn a_shells_own_name_comes_along_and_a_home_is_spelled_out() {
        let output = "/bin/bash: line 1: /data/x: Permission denied";
        assert_eq!(paths_of(output), ["/bin/bash", "/data/x"]);
        assert_eq!(paths_of("cat: ~/notes: Permission denied"), ["/home/alice/notes"]);
        assert_eq!(paths_of("cat: /data/my file: Permission denied"), ["/data/my file"]);
    }

    #[test]
    fn what_is_no_refusal_of_a_file_names_none() {
        for output in [
            "cat: /data/x: No such file or directory",
            "cat: x: Permission denied",
            "chown: changing ownership of '/data/x': Operation not permitted",
            "cannot: Permission denied at -e line 1.",
            "cat: '/data/`x': Permission denied",
            "cat: '/data/\u{202e}x': Permission denied",
            "ssh: connect to host /data port 22: Permission denied",
            "a@b: Permission denied (publickey).",
        ] {
            assert!(paths_of(output).is_empty(), "{output}: {:?}", paths_of(output));
        }
        let long = format!("cat: /data/{}: Permission denied", "x".repeat(LONGEST));
        assert!(paths_of(&long).is_empty());
    }

    #[test]
    fn what_tools_say_of_a_refused_port_names_it() {
        for output in [
            "curl: (7) Failed to connect to 127.0.0.1 port 8080 after 0 ms: Couldn't connect to server",
            "curl: (7) Failed to connect to a.b port 8080 after 0 ms: Could not connect to server",
            "fatal: unable to access 'http://a.b:8080/x/': Failed to connect to a.b port 8080 after 0 ms: Couldn't connect to server",
            "ssh: connect to host a.b port 8080: Permission denied",
            "bash: connect: Permission denied\nbash: line 1: /dev/tcp/127.0.0.1/8080: Permission denied",
            "Error: connect EACCES 127.0.0.1:8080 - Local (0.0.0.0:0)",
            "dial tcp [::1]:8080: connect: permission denied",
            "Connecting to a.b:8080... failed: Permission denied.",
        ] {
            assert_eq!(ports_of(output), [8080], "{output}");
        }
        for output in [
            "ssh: connect to host a.b port 8080: Connection refused",
            "ssh: connect to host a.b port 0: Permission denied",
            "ssh: connect to host a.b port 99999: Permission denied",
            "PermissionError: [Errno 13] Permission denied",
        ] {
            assert!(ports_of(output).is_empty(), "{output}");
        }
    }

    #[test]
    fn a_flood_is_read_at_its_end_and_within_bounds() {
        let flood: String =
            (0..10_000).map(|n| format!("cat: /ä/../d{n}: Permission denied\n")).collect();
        assert!(paths_of(&flood).is_empty(), "not ASCII");
        let flood: String =
            (0..10_000).map(|n| format!("cat: /d/{n}: Permission denied\n")).collect();
        assert_eq!(paths_of(&flood).len(), MOST);
        assert!(!paths_of(&flood).contains(&"/d/1".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn no_output_does_harm(output in "([/~.: '\"`‘“’”0-9a-z\n]|permission denied|connect|port |/dev/tcp/){0,60}") {
            let read = Refusals::read(&output, Path::new("/home/alice"));
            proptest::prop_assert!(read.paths.len() <= MOST && read.ports.len() <= MOST);
            proptest::prop_assert!(read.paths.iter().all(|path| path.is_absolute()));
        }
    }
}
