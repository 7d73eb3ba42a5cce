//! The grammar of `.env` files, as python-dotenv reads them.
//!
//! Trust: a line is either understood whole or refused with its number.
//! `${NAME}` is refused rather than taken literally: a token with a hole in it
//! would be an error hard to find.

use std::iter::Peekable;
use std::str::Chars;

/// One `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    /// From 1.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: usize,
    pub(super) sentence: &'static str,
}

/// Reads a file's text; what is wrong comes with what is right.
pub(super) fn parse(text: &str) -> (Vec<Assignment>, Vec<BadLine>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    let mut assignments = Vec::new();
    let mut bad = Vec::new();
    while reader.rest.peek().is_some() {
        let line = reader.line;
        match reader.statement() {
            Ok(Some((name, value))) => assignments.push(Assignment { line, name, value }),
            Ok(None) => {}
            Err(sentence) => bad.push(BadLine { line, sentence }),
        }
        reader.skip_line();
    }
    (assignments, bad)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    /// The rest of the line, without its end.
    fn rest_of_line(&mut self) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.next_if(|next| *next != '\n') {
            text.push(next);
        }
        text
    }

    fn skip_line(&mut self) {
        self.rest_of_line();
        self.next();
    }

    fn skip_blanks(&mut self) {
        while self.rest.next_if(|next| next.is_whitespace() && *next != '\n').is_some() {}
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        let fits = |next: &char| next.is_ascii_alphanumeric() || *next == '_';
        while let Some(next) = self.rest.next_if(fits) {
            word.push(next);
        }
        word
    }

    fn statement(&mut self) -> Result<Option<(String, String)>, &'static str> {
        self.skip_blanks();
        if matches!(self.rest.peek(), None | Some('\n' | '#')) {
            return Ok(None);
        }
        let mut name = self.word();
        self.skip_blanks();
        if name == "export" && self.rest.peek() != Some(&'=') {
            name = self.word();
            self.skip_blanks();
        }
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err("this is no NAME=value; begin a comment with #");
        }
        if self.rest.next_if_eq(&'=').is_none() {
            return Err("after the name there is no =; write NAME=value");
        }
        self.skip_blanks();
        let value = match self.rest.peek() {
            Some('\'') => self.quoted('\'')?,
            Some('"') => self.quoted('"')?,
            _ => unquoted(&self.rest_of_line())?,
        };
        Ok(Some((name, value)))
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        self.next();
        let mut value = String::new();
        loop {
            match self.next() {
                None => return Err("the quote that begins here does not end"),
                Some(end) if end == quote => break,
                Some('\\') => match self.next() {
                    None => return Err("the quote that begins here does not end"),
                    Some(escaped) => value.push_str(&unescape(quote, escaped)),
                },
                Some(other) => value.push(other),
            }
        }
        self.skip_blanks();
        if !matches!(self.rest.peek(), None | Some('\n' | '#')) {
            return Err("there is more after the closing quote; only a # comment may follow it");
        }
        if quote == '"' {
            refuse_interpolation(&value)?;
        }
        Ok(value)
    }
}

/// What a backslash and the character after it stand for.
fn unescape(quote: char, escaped: char) -> String {
    match escaped {
        '\\' | '\'' => escaped.to_string(),
        '"' if quote == '"' => '"'.to_string(),
        'n' if quote == '"' => '\n'.to_string(),
        'r' if quote == '"' => '\r'.to_string(),
        't' if quote == '"' => '\t'.to_string(),
        other => format!("\\{other}"),
    }
}

fn unquoted(text: &str) -> Result<String, &'static str> {
    // A # only begins a comment after a blank, so that passwords may have one.
    let mut end = text.len();
    let mut before = ' ';
    for (at, next) in text.char_indices() {
        if next == '#' && before.is_whitespace() {
            end = at;
            break;
        }
        before = next;
    }
    let value = text.get(..end).unwrap_or_default().trim_end();
    refuse_interpolation(value)?;
    Ok(value.to_owned())
}

fn refuse_interpolation(value: &str) -> Result<(), &'static str> {
    if value.contains("${") {
        return Err("${NAME} is not replaced here; write the value itself, or put it in '…'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let (found, bad) = parse(text);
        assert_eq!(bad, [], "{text:?}");
        assert_eq!(found.len(), 1, "{text:?}");
        found[0].value.clone()
    }

    #[test]
    fn values_are_what_python_dotenv_makes_of_them() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A = b c  ", "b c"),
            ("export A=b", "b"),
            ("  A='b # c'  # d", "b # c"),
            ("A=b #c", "b"),
            ("A=b#c", "b#c"),
            ("A=#c", ""),
            ("A=\"b\\n\\\"c\\\"\"", "b\n\"c\""),
            ("A='b\\n'", "b\\n"),
            ("A='${B}'", "${B}"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("A=\"b\nc\"", "b\nc"),
            ("export=b", "b"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_count_through_comments_and_long_quotes() {
        let (found, bad) = parse("# one\n\nA='x\ny'\nB=2\nwhat\nC=3\n");
        let lines: Vec<_> = found.iter().map(|a| (a.line, a.name.as_str())).collect();
        assert_eq!(lines, [(3, "A"), (5, "B"), (7, "C")]);
        assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for text in
            ["A='b", "A=\"b", "A='b' c", "A=x${B}", "A=\"${B}\"", "=b", "1A=b", "A b", "A-B=c"]
        {
            assert_eq!(parse(text).1.len(), 1, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends_without_panic(text in "(?s).{0,200}") {
            let lines = text.split('\n').count();
            let (found, bad) = parse(&text);
            proptest::prop_assert!(found.len() + bad.len() <= lines);
        }
    }
}
