//! Results on stdout: lines, tables or JSON. Notes on stderr.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// In which form results are printed. Cloning is cheap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the results.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One line for a person.
    pub(crate) fn line(self, text: impl AsRef<str>) -> Outcome {
        write_out(text.as_ref())
    }

    /// One document, or one of several lines, of JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> Outcome {
        write_out(&one_line(&serde_json::to_string(value)?))
    }

    /// The document as JSON, or the text for a person.
    pub(crate) fn either(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Outcome {
        if self.json { self.json(value) } else { self.line(text()) }
    }

    /// Columns for a person.
    pub(crate) fn table<const COLUMNS: usize>(
        self,
        head: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) -> Outcome {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(head.map(Cell::new));
        for row in rows {
            // A terminal obeys control characters, and some of these texts come from strangers.
            table.add_row(row.map(|text| Cell::new(printable(&text))));
        }
        let lines: Vec<_> = table.to_string().lines().map(|line| line.trim().to_owned()).collect();
        self.line(lines.join("\n"))
    }

    /// A bar on stderr, which only a terminal shows.
    pub(crate) fn progress(self, length: usize, what: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        ProgressBar::new(length).with_style(style).with_message(what)
    }
}

/// A remark for whoever watches; never a result.
pub(crate) fn note(text: impl AsRef<str>) {
    // A command goes on where nobody reads its remarks.
    let lines: Vec<_> = text.as_ref().lines().map(printable).collect();
    writeln!(io::stderr(), "{}", lines.join("\n")).ok();
}

/// Asks before something that cannot be undone. Without a terminal, `--yes` must answer beforehand.
pub(crate) fn confirm(question: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("{question} add --yes to say so")));
    }
    write!(io::stderr(), "{question} [y/N] ").ok();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was done")),
    }
}

/// Text without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if steers(letter) { ' ' } else { letter }).collect()
}

/// Whether a terminal obeys it: control characters, and those that turn the direction of what follows.
fn steers(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || letter.is_control()
}

/// JSON without white space between its parts, and with escapes for what a terminal would obey: an event that is
/// embedded as it came may span many lines, and hold anything. The value stays the same.
fn one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for letter in json.chars() {
        if !in_text && letter.is_ascii_whitespace() {
            continue;
        }
        in_text ^= letter == '"' && !escaped;
        escaped = in_text && letter == '\\' && !escaped;
        if in_text && steers(letter) {
            line.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            line.push(letter);
        }
    }
    line
}

fn write_out(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        // The reader has seen enough, such as `head`.
        io::ErrorKind::BrokenPipe => Failure::Quiet,
        _ => Failure::from(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_stranger_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc\u{9b}2J\u{202e}d"), "a [2Jb  c 2J d");
        assert_eq!(one_line("{\"\u{9b}\": \"\u{202e}\u{7f}é\"}"), r#"{"\u009b":"\u202e\u007fé"}"#);
    }

    #[test]
    fn json_that_spans_lines_becomes_one_line_of_the_same_value() {
        let json = "{\n  \"a b\" : [1,\r\n 2.0],\t\"c\\\"\\\\\" : \" \\n \"\n}";
        assert_eq!(one_line(json), r#"{"a b":[1,2.0],"c\"\\":" \n "}"#);
    }
}
