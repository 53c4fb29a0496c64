//! The report for a person: a line for each finding, the worst ones with the command that explains them.

use std::fmt::Write as _;

use event_bus_runtime::Status;

use crate::report::{Report, Summary};

pub(crate) fn render(report: &Report, colour: bool) -> String {
    let width = report.entries().iter().map(|entry| entry.id.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in report.entries() {
        let mark = mark(entry.status, colour);
        line(&mut text, format_args!("{mark} {:<width$}  {}", entry.id, entry.message));
        let broken = matches!(entry.status, Status::Warn | Status::Fail | Status::Error);
        if let Some(code) = entry.code().filter(|_| broken) {
            line(&mut text, format_args!("       event-bus doctor explain {code}"));
        }
    }
    let Summary { pass, warn, fail, skip, error } = report.summary();
    line(
        &mut text,
        format_args!(
            "\n{} {pass} passed, {warn} to be mended, {fail} failed, {skip} skipped, {error} broken",
            mark(report.status(), colour)
        ),
    );
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes every write");
}

fn mark(status: Status, colour: bool) -> String {
    let (word, code) = match status {
        Status::Pass => ("PASS", 32),
        Status::Warn => ("WARN", 33),
        Status::Fail => ("FAIL", 31),
        Status::Skip => ("SKIP", 36),
        Status::Error => ("ERROR", 35),
    };
    let mark = format!("{:<7}", format!("[{word}]"));
    if colour { format!("\x1b[{code}m{mark}\x1b[0m") } else { mark }
}
